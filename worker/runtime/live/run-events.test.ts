import { expect, it } from 'vitest';
import type { ClaimedTask } from '../ledger/rows.ts';
import type { NewLiveEvent } from './event.ts';
import { RunEvents } from './run-events.ts';

const claimed: ClaimedTask = {
  fence: { id: '0198c0de-0000-7000-8000-000000000001', epoch: 1, owner: '0198c0de-0000-7000-8000-000000000002' },
  name: 'sample_noop',
  queue: 'fast_tasks',
  tenantId: '0198c0de-0000-7000-8000-000000000003',
  userId: undefined,
  payload: {},
  attempts: 1,
  deaths: 0,
  suspect: false,
  leads: false,
  acceptedAt: new Date(0),
  dueAt: new Date(0),
};

/** A run whose later events come when `pass` is called. */
function run(wanted: () => boolean = () => true) {
  const told: string[] = [];
  const later: (() => NewLiveEvent | undefined)[] = [];
  const tell = ({ event, data }: NewLiveEvent) => void told.push(`${event} ${JSON.parse(data).status}`);
  const sink = {
    publish: (_tenantId: string, make: () => NewLiveEvent) => {
      if (wanted()) tell(make());
    },
    publishLater: (_tenantId: string, make: () => NewLiveEvent | undefined) => void later.push(make),
  };
  const events = new RunEvents(sink, claimed);
  const pass = () => {
    for (const make of later.splice(0)) {
      const event = make();
      if (event) tell(event);
    }
  };
  return { events, told, pass };
}

it('should tell that a task runs a moment after its start', () => {
  const { events, told, pass } = run();
  events.started();
  expect(told).toEqual([]);
  pass();
  events.completed('null');
  expect(told).toEqual(['status RUNNING', 'result COMPLETED']);
});

it('should tell only the end of a task that has ended by then', () => {
  const { events, told, pass } = run();
  events.started();
  events.completed('null');
  pass();
  expect(told).toEqual(['result COMPLETED']);
});

it('should tell that it runs before its first progress, and once', () => {
  const { events, told, pass } = run();
  events.started();
  events.progress('{"step":"parsing"}');
  events.progress('{"step":"parsing","fraction":1}');
  pass();
  expect(told).toEqual(['status RUNNING', 'step RUNNING', 'progress RUNNING']);
});

it('should not tell a start after an end that nobody wanted to hear', () => {
  let wanted = true;
  const { events, told, pass } = run(() => wanted);
  events.started();
  wanted = false;
  events.completed('null');
  pass();
  expect(told).toEqual([]);
});
