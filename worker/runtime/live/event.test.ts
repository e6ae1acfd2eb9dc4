import { describe, expect, it } from 'vitest';
import { fromEntry, liveEvent, maxDataBytes, shardOf, shards, streamKey, toEntry } from './event.ts';
import { compareIds, isStreamId } from './reader.ts';

const subject = {
  taskId: 'task',
  tenantId: 'tenant',
  userId: 'user',
  task: 'sample_noop',
  queue: 'fast_tasks',
  epoch: 3,
  attempts: 2,
  durable: true,
};

describe('events', () => {
  it('should come back from a stream as they went in', () => {
    for (const one of [subject, { ...subject, userId: undefined }, { ...subject, durable: false, epoch: 0 }]) {
      const event = liveEvent('step', one, 'RUNNING', { progress: '{"step":"parsing"}' });
      expect(fromEntry('5-1', toEntry(event))).toEqual({ ...event, id: '5-1' });
    }
  });

  it('should hold their parts as JSON, and say what was too long for them', () => {
    const told = JSON.parse(liveEvent('result', subject, 'COMPLETED', { result: '{"sum":5}' }).data);
    expect(told).toMatchObject({
      task_id: 'task',
      user_id: 'user',
      status: 'COMPLETED',
      attempts: 2,
      epoch: 3,
      result: { sum: 5 },
    });
    const long = JSON.parse(
      liveEvent('result', subject, 'COMPLETED', { result: JSON.stringify('x'.repeat(maxDataBytes)) }).data,
    );
    expect(long).toMatchObject({ task_id: 'task', omitted: true });
    expect(long).not.toHaveProperty('result');
  });

  it('should pass over entries of others', () => {
    expect(fromEntry('1-0', [])).toBeUndefined();
    expect(fromEntry('1-0', ['a', 'b'])).toBeUndefined();
    const entry = toEntry(liveEvent('status', subject, 'RUNNING'));
    expect(fromEntry('1-0', entry.with(3, 'unheard-of'))).toBeUndefined();
  });

  it('should stand in streams of one slot of a cluster, each tenant always in the same', () => {
    expect(shardOf('tenant')).toBe(shardOf('tenant'));
    const used = new Set(Array.from({ length: 1000 }, (_, n) => shardOf(`tenant ${n}`)));
    expect(used.size).toBe(shards);
    for (const shard of used) expect(streamKey(shard)).toMatch(/^\{millrace:events\}:\d+$/);
  });
});

describe('ids of a stream', () => {
  it('should be in the order of their time, then of their number', () => {
    const ids = ['9-10', '10-2', '10-10', '1763733600000-0'];
    expect(ids.toReversed().toSorted(compareIds)).toEqual(ids);
  });

  it('should be told from other texts', () => {
    expect(isStreamId('1763733600000-0')).toBe(true);
    for (const text of ['', 'end', '3.1', '5', '-', '5-', '5-x', `${'9'.repeat(30)}-0`])
      expect(isStreamId(text)).toBe(false);
  });
});
