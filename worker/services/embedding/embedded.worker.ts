/** The worker thread of the embedded model: loads it once, then answers one batch at a time. */
import { parentPort, workerData } from 'node:worker_threads';
import { errorText } from '../../errors.ts';
import { loadEmbeddedModel } from './embedded-model.ts';

export interface BatchRequest {
  readonly id: number;
  readonly texts: readonly string[];
}
export type BatchAnswer =
  | { readonly id: number; readonly vectors: Float32Array[] }
  | { readonly id: number; readonly error: string };

const { dimensions } = workerData as { dimensions: number };
const port = parentPort;
if (port === null) throw new Error('This file is the entry of a worker thread, not of a process.');

const model = loadEmbeddedModel(dimensions);
port.on('message', (request: BatchRequest) => {
  const answer = (message: BatchAnswer, transfer: ArrayBuffer[] = []) => port.postMessage(message, transfer);
  model
    .then((loaded) => loaded.embed(request.texts))
    .then(
      (vectors) =>
        answer(
          { id: request.id, vectors },
          vectors.map((vector) => vector.buffer as ArrayBuffer),
        ),
      (thrown: unknown) => answer({ id: request.id, error: errorText(thrown) }),
    );
});
