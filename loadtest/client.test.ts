import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Client } from './client.ts';

const answers = vi.hoisted((): { status: number; body: string }[] => []);
vi.mock('k6/http', () => ({
  default: { asyncRequest: async () => ({ ...answers.shift(), error: '', timings: { duration: 1 } }) },
}));
vi.mock('./abort.ts', () => ({
  abort(sentence: string) {
    throw new Error(sentence);
  },
}));
vi.mock('./pause.ts', () => ({ pause: async () => undefined }));

beforeEach(() => {
  answers.length = 0;
  vi.spyOn(console, 'error').mockReturnValue();
});
afterEach(() => vi.restoreAllMocks());

const send = (...given: (readonly [number, string])[]) => {
  answers.push(...given.map(([status, body]) => ({ status, body })));
  const task = { task: 'sample_noop', payload: {}, options: { task_id: 'one' } };
  return new Client('http://127.0.0.1:5001', 'a-key-of-this-test').sendTasks([task]);
};

describe('an answer 429', () => {
  it('should end the run where the API limits the key, wherever in the answer its code stands', async () => {
    const problem = JSON.stringify({ detail: 'x'.repeat(1000), code: 'rate_limited' });
    await expect(send([429, problem])).rejects.toThrow('Start its API with MILLRACE_RATE_LIMIT=0');
  });

  it.each([
    ['of another code', JSON.stringify({ code: 'busy', detail: 'not rate_limited' })],
    ['of a proxy', '<h1>rate_limited</h1>'],
    ['without a body', ''],
    ['that is no problem', 'null'],
  ])('should be tried again when it is one %s', async (_which, body) => {
    await expect(send([429, body], [202, '{}'])).resolves.toMatchObject({ accepted: true });
  });
});
