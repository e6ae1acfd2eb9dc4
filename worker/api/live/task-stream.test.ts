import { expect, it, vi } from 'vitest';
import type { LiveEvent, TaskRow } from '../../runtime/index.ts';
import type { SseEvent, SseStream } from '../sse.ts';
import { TaskStream } from './task-stream.ts';

const now = new Date('2031-05-04T12:00:00Z');
const row: TaskRow = {
  id: 'task',
  tenant_id: 'tenant',
  user_id: null,
  name: 'noted',
  queue: 'fast_tasks',
  status: 'RUNNING',
  priority: 5,
  payload: null,
  attempts: 1,
  deaths: 0,
  epoch: 1,
  worker: null,
  unique_key: null,
  due_at: now,
  expires_at: null,
  accepted_at: now,
  started_at: now,
  finished_at: null,
  progress: { step: 'large' },
  result: null,
  error: null,
  error_history: [],
  redis_job_id: null,
  dead_letter: false,
  flow_id: null,
  waiting_for: 0,
};
const ended: TaskRow = { ...row, status: 'COMPLETED', finished_at: now, result: 'done' };

const event = (name: LiveEvent['event'], data: object): LiveEvent => ({
  id: '1-0',
  event: name,
  tenantId: 'tenant',
  taskId: 'task',
  userId: undefined,
  epoch: 1,
  durable: true,
  data: JSON.stringify({ status: 'RUNNING', attempts: 1, epoch: 1, ...data }),
});

/** A stream whose questions to the ledger are answered by hand. */
function open() {
  const sent: SseEvent[] = [];
  const state = { over: false };
  const questions: PromiseWithResolvers<TaskRow | undefined>[] = [];
  const sse: Pick<SseStream, 'writable' | 'send' | 'end'> = {
    writable: true,
    send: (one) => void sent.push(one),
    end: () => {
      state.over = true;
    },
  };
  const stream = new TaskStream({
    taskId: 'task',
    sse: () => sse,
    read: () => {
      const question = Promise.withResolvers<TaskRow | undefined>();
      questions.push(question);
      return question.promise;
    },
  });
  const asked = (times: number) => vi.waitFor(() => expect(questions).toHaveLength(times));
  return { stream, sent, state, questions, asked };
}

it('should tell an end that comes while the ledger is asked for something else', async () => {
  const { stream, sent, state, questions, asked } = open();
  // too large for an event: it is read from the ledger, and the task ends meanwhile
  stream.event(event('progress', { omitted: true }));
  await asked(1);
  stream.event(event('result', { status: 'COMPLETED' }));
  questions[0]?.resolve(row);
  await asked(2);
  questions[1]?.resolve(ended);
  await vi.waitFor(() => expect(state.over).toBe(true));
  expect(sent.at(-1)).toMatchObject({ event: 'end', data: { status: 'COMPLETED', result: 'done' } });
});

it('should ask again when the ledger does not answer, and end when it has no such task any more', async () => {
  const { stream, sent, state, questions, asked } = open();
  stream.event(event('result', { status: 'COMPLETED' }));
  await asked(1);
  questions[0]?.reject(new Error('away'));
  await vi.waitFor(() => expect(questions).toHaveLength(2), { timeout: 5000 });
  questions[1]?.resolve(undefined);
  await vi.waitFor(() => expect(state.over).toBe(true));
  expect(sent).toEqual([]);
});
