import { afterEach, expect, it, vi } from 'vitest';
import type { TaskJson } from '../api/types/task.ts';
import { CommandError, exitCode } from './exit-codes.ts';
import { follow } from './follow.ts';
import type { ApiClient } from './http.ts';

afterEach(() => void vi.useRealTimers());

const task = (status: TaskJson['status']) =>
  ({ task_id: 'id', task: 'sample_sleep', status, attempts: 1, progress: null, error: null }) as TaskJson;
const away = () =>
  new CommandError({ code: 'api_unreachable', message: 'Nothing answers.', exitCode: exitCode.unavailable });
const status = { event: 'status', data: JSON.stringify({ status: 'RUNNING', attempts: 1, error: null }) };

/** An API whose event streams go as these do, one after another. */
function clientOf(streams: readonly (() => AsyncGenerator<{ event: string; data: string }>)[]): ApiClient {
  let opened = 0;
  const refuse = () => Promise.reject(new Error('not asked for here'));
  return {
    url: 'http://mill',
    get: async <T>() => task('RUNNING') as T,
    post: refuse,
    delete: refuse,
    upload: refuse,
    events: () => {
      const stream = streams[Math.min(opened, streams.length - 1)];
      opened += 1;
      if (!stream) throw new Error('a stream is needed');
      return stream();
    },
  };
}

const quietFor = async function* (ms: number) {
  yield status;
  vi.setSystemTime(Date.now() + ms);
};
const nothing = (): never => {
  throw away();
};
const end = async function* () {
  yield { event: 'end', data: JSON.stringify(task('COMPLETED')) };
};
const followed = (client: ApiClient) =>
  Array.fromAsync(follow(client, 'id', new AbortController().signal), (one) => one.status);

it('should go on over a restart of the API however long the task was silent before', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const client = clientOf([() => quietFor(600_000), nothing, nothing, end]);
  expect(await followed(client)).toEqual(['RUNNING', 'COMPLETED']);
});

it('should give up when nothing has answered for a minute', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const gone = (): never => {
    vi.setSystemTime(Date.now() + 31_000);
    throw away();
  };
  await expect(followed(clientOf([() => quietFor(0), gone]))).rejects.toMatchObject({ code: 'api_unreachable' });
});
