import { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { BoundedChild, type Questions } from './bounded-child.ts';
import type { JobLimits } from './limits.ts';
import { collect } from './testing/collect.ts';
import type { Order } from './testing/tasks.ts';

const mebibyte = 1024 * 1024;
const limits: JobLimits = { wallMs: 10_000, rssBytes: 512 * mebibyte, outputBytes: 64 * mebibyte, stallMs: 10_000 };
const children: BoundedChild[] = [];

function start(): BoundedChild {
  const child = new BoundedChild({ module: new URL('./testing/tasks.ts', import.meta.url), heapMib: 64 });
  children.push(child);
  return child;
}

function run(child: BoundedChild, argument: Order, questions?: Questions, more: Partial<JobLimits> = {}) {
  const input = Readable.from([Buffer.from('a document')]);
  const job = { input, argument, limits: { ...limits, ...more } };
  return collect(child.run(questions === undefined ? job : { ...job, questions }));
}
const answers = (answer: Questions['answer'], timed = true): Questions => ({ answer, timed });

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill()));
});

describe('a question of a bounded child', () => {
  it('should be answered, one after another, and leave the child fit for the next job', async () => {
    const child = start();
    const double = answers(async (question) => [question, question]);
    expect(await run(child, { do: 'ask', questions: [1, 'two'] }, double)).toEqual([
      [1, 1],
      ['two', 'two'],
    ]);
    expect(await run(child, { do: 'echo' })).toEqual(['a document']);
  });

  it('should end the job with the error of the one who was to answer', async () => {
    const fault = new Error('no answer to that');
    const child = start();
    await expect(
      run(
        child,
        { do: 'ask', questions: [1] },
        answers(() => Promise.reject(fault)),
      ),
    ).rejects.toBe(fault);
    expect(child.idle).toBe(false);
  });

  it('should end the job when nobody is to answer', async () => {
    await expect(run(start(), { do: 'ask', questions: [1] })).rejects.toThrow('nobody was to answer');
  });

  it('should not be asked before the input was read', async () => {
    const never = answers(() => Promise.reject(new Error('asked all the same')));
    await expect(run(start(), { do: 'ask-too-early' }, never)).rejects.toThrow('before the input was read');
  });

  it('should end a child that does not wait for its answer, and not disturb the next job', async () => {
    const child = start();
    await expect(
      run(
        child,
        { do: 'leave-unanswered' },
        answers(() => new Promise(() => undefined)),
      ),
    ).resolves.toEqual(['left']);
    await child.kill();
    expect(child.idle).toBe(false);
  });

  it('should count the wait for an answer as work where it is said so', async () => {
    const slow: Questions['answer'] = (question) => new Promise((resolve) => setTimeout(resolve, 600, question));
    const wallMs = { wallMs: 300 };
    const order: Order = { do: 'ask', questions: [1] };
    await expect(run(start(), order, answers(slow), wallMs)).rejects.toMatchObject({ bound: 'time' });
    expect(await run(start(), order, answers(slow, false), wallMs)).toEqual([1]);
  });

  it('should not keep a job alive whose child was killed', async () => {
    const child = start();
    const order: Order = { do: 'ask', questions: [1] };
    const never = answers(() => {
      process.kill(child.pid, 'SIGKILL');
      return new Promise(() => undefined);
    });
    await expect(run(child, order, never)).rejects.toMatchObject({ code: 'child_crashed' });
  });
});
