import { expect, it } from 'vitest';
import { MillraceError } from '../errors.ts';
import type { Flow, FlowTask } from './flow.ts';
import { planFlow } from './flow-plan.ts';
import { PayloadError } from './payload.ts';

const task = (name: string, options = {}): FlowTask => ({ task: name, payload: {}, options });
const chord = (group: readonly Flow[], body: Flow): Flow => ({
  group,
  // biome-ignore lint/suspicious/noThenProperty: the word of the request; it holds an object, which makes nothing a promise
  then: body,
});
const rowOf = ({ task: name, payload, options = {} }: FlowTask) => {
  if (name === 'unknown') throw new MillraceError({ code: 'task_unknown', message: 'There is no such task.' });
  if (name === 'bad') {
    throw new PayloadError('payload_invalid', name, [
      { field: 'ms', message: 'is missing' },
      { field: '', message: 'has too much' },
    ]);
  }
  const { taskId: id, countdownSeconds } = options;
  return { name, tenantId: 't', queue: 'fast_tasks' as const, payload: JSON.stringify(payload), id, countdownSeconds };
};
const plan = (flow: Flow) => planFlow(flow, rowOf);
/** Each task with the names of those it waits for. */
const waits = (flow: Flow) => {
  const { tasks } = plan(flow);
  return Object.fromEntries(
    tasks.map(({ name, parents }) => [name, parents.map((place) => tasks[place]?.name).join()]),
  );
};
const issuesOf = (flow: Flow) => {
  try {
    plan(flow);
  } catch (error) {
    return error;
  }
  return undefined;
};

it('should say who waits for whom', () => {
  expect(waits({ chain: [task('a'), task('b'), task('c')] })).toEqual({ a: '', b: 'a', c: 'b' });
  expect(waits(chord([task('a'), task('b')], task('c')))).toEqual({ a: '', b: '', c: 'a,b' });
  expect(
    waits({ chain: [{ group: [task('a'), { chain: [task('b'), task('c')] }] }, { group: [task('d'), task('e')] }] }),
  ).toEqual({ a: '', b: '', c: 'b', d: 'a,c', e: 'a,c' });
});

it('should look through what holds no task', () => {
  expect(waits({ chain: [task('a'), { group: [] }, { chain: [{ group: [] }] }, task('b')] })).toEqual({
    a: '',
    b: 'a',
  });
  expect(waits(chord([{ chain: [] }, task('a')], task('b')))).toEqual({ a: '', b: 'a' });
  expect(waits({ chain: [task('a'), chord([], task('b'))] })).toEqual({ a: '', b: 'a' });
  expect(waits({ chain: [chord([task('a')], { chain: [] }), task('b')] })).toEqual({ a: '', b: 'a' });
});

it('should put parents before children, and say which tasks lead others', () => {
  const { tasks } = plan(chord([task('a'), task('b')], { chain: [task('c'), task('d')] }));
  for (const [place, { parents }] of tasks.entries()) for (const parent of parents) expect(parent).toBeLessThan(place);
  expect(tasks.map(({ leads }) => leads)).toEqual([true, true, true, false]);
});

it('should give the ids back in the shape of the flow', () => {
  const { shape } = plan({ chain: [task('a'), chord([task('b'), { chain: [] }], task('c'))] });
  expect(shape(['1', '2', '3'])).toEqual({
    chain: [{ task_id: '1' }, chord([{ task_id: '2' }, { chain: [] }] as never, { task_id: '3' } as never)],
  });
});

it('should name every place that is wrong', () => {
  const flow: Flow = {
    chain: [
      task('unknown'),
      chord([task('a', { eta: new Date(), uniqueKey: 'k', durable: false }), task('bad')], task('b', { taskId: 'x' })),
    ],
  };
  expect(issuesOf(flow)).toMatchObject({
    code: 'flow_invalid',
    issues: [
      { field: 'chain.0.task' },
      { field: 'chain.1.group.0.options.eta' },
      { field: 'chain.1.group.0.options.unique_key' },
      { field: 'chain.1.group.0.options.durable' },
      { field: 'chain.1.group.1.payload.ms' },
      { field: 'chain.1.group.1.payload' },
      { field: 'chain.1.then.options.task_id' },
    ],
  });
  expect(issuesOf({ group: [{ chain: [] }] })).toMatchObject({ code: 'flow_invalid', issues: [{ field: '' }] });
  const taskId = '3f0f5b5e-9b1c-4f57-8d7e-0d6a0a4c9f11';
  expect(issuesOf({ group: [task('a', { taskId }), task('b', { taskId: taskId.toUpperCase() })] })).toMatchObject({
    issues: [{ field: 'group.1.options.task_id' }],
  });
});

it('should bound tasks, depth and pairs', () => {
  const group = (size: number): Flow => ({ group: Array.from({ length: size }, () => task('a')) });
  expect(plan(group(1000)).tasks).toHaveLength(1000);
  expect(issuesOf(group(1001))).toMatchObject({
    code: 'flow_too_large',
    issues: [{ message: expect.stringContaining('1001') }],
  });
  expect(plan({ chain: [group(100), group(100)] }).tasks).toHaveLength(200);
  expect(issuesOf({ chain: [group(100), group(101)] })).toMatchObject({ code: 'flow_too_large' });
  const deep = (levels: number): Flow => (levels === 1 ? task('a') : { chain: [deep(levels - 1)] });
  expect(plan(deep(100)).tasks).toHaveLength(1);
  expect(issuesOf(deep(101))).toMatchObject({
    code: 'flow_invalid',
    issues: [{ message: expect.stringContaining('100 levels') }],
  });
  expect(issuesOf(deep(5000))).toMatchObject({ code: 'flow_invalid' });
});

it('should give the same digest to the same flow, in whatever order its fields come', () => {
  const flow = (payload: object, options: object): Flow => ({
    chain: [{ task: 'a', payload: payload as never, options }],
  });
  const one = plan(flow({ a: 1, b: { c: 2, d: 3 } }, { priority: 3, queue: undefined })).digest;
  expect(plan(flow({ b: { d: 3, c: 2 }, a: 1 }, { priority: 3 })).digest).toEqual(one);
  expect(plan(flow({ a: 1, b: { c: 2, d: 4 } }, { priority: 3 })).digest).not.toEqual(one);
  expect(plan(flow({ a: 1, b: { c: 2, d: 3 } }, { priority: 4 })).digest).not.toEqual(one);
  expect(plan({ group: [task('a')] }).digest).not.toEqual(plan({ chain: [task('a')] }).digest);
});
