import { expect, it } from 'vitest';
import { MillraceError } from '../errors.ts';
import type { Supervisor } from './supervisor.ts';
import { WorkerEmbedder } from './worker-embedder.ts';

const like = { model: 'some/model', dimensions: 2 };
const vector = new Float32Array([1, 2]);

/** Answers each question with what comes next of these. */
const answering = (...answers: (Float32Array[] | Error)[]) => {
  const asked: string[] = [];
  const worker = {
    ask: async (ask: { of: string }) => {
      asked.push(ask.of);
      const answer = answers.shift() ?? new Error('asked too often');
      if (answer instanceof Error) throw answer;
      return answer;
    },
  } as unknown as Pick<Supervisor, 'ask'>;
  return { embedder: new WorkerEmbedder(worker, like), asked };
};
const away = () => new MillraceError({ code: 'worker_away', message: 'Away.' });

it('should be like the embedder of the worker, and answer with what that answers', async () => {
  const { embedder } = answering([vector]);
  expect(embedder).toMatchObject(like);
  const parts: [number, readonly Float32Array[]][] = [];
  const onAnswer = (from: number, vectors: readonly Float32Array[]) => void parts.push([from, vectors]);
  expect(await embedder.embed(['a'], { kind: 'query', onAnswer })).toEqual([vector]);
  expect(parts).toEqual([[0, [vector]]]);
});

it('should ask again while the worker is away, and hand on any other error', async () => {
  const { embedder, asked } = answering(away(), away(), [vector]);
  expect(await embedder.embed(['a'], { kind: 'query' })).toEqual([vector]);
  expect(asked).toHaveLength(3);
  const full = new MillraceError({ code: 'embedding_queue_full', message: 'Full.' });
  await expect(answering(full).embedder.embed(['a'], { kind: 'query' })).rejects.toBe(full);
});

it('should stop waiting for the worker when nobody waits for the answer, or it is closed', async () => {
  const reason = new Error('gone');
  const aborted = answering(away()).embedder.embed(['a'], { kind: 'query', signal: AbortSignal.abort(reason) });
  await expect(aborted).rejects.toBe(reason);
  const { embedder } = answering(away());
  const waiting = embedder.embed(['a'], { kind: 'query' });
  waiting.catch(() => undefined);
  await embedder.close();
  await expect(waiting).rejects.toMatchObject({ code: 'embedding_closed' });
});
