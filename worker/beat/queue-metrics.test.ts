import { Registry } from 'prom-client';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Database, Row } from '../db/index.ts';
import type { QueueDepth } from '../runtime/index.ts';
import { createQueueMetrics } from './queue-metrics.ts';

const depth: QueueDepth = {
  queue: 'mail',
  pending: 3,
  queued: 2,
  running: 1,
  retrying: 0,
  due: 4,
  oldestSeconds: 12.5,
};

let registry: Registry;
let leads: boolean;
/** How often depths were counted. */
let counted: number;
/** What a count answers. */
let answer: () => Promise<Row[]>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
  registry = new Registry();
  leads = true;
  counted = 0;
  answer = async () => [{ ...depth }];
  const query = async (text: string): Promise<Row[]> => {
    if (text.includes('queue_alerts')) return [{ queue: 'dataset', waiting: 300 }];
    counted += 1;
    return answer();
  };
  // the texts that are asked for are two, each with rows of its own
  createQueueMetrics(registry, { query: query as Database['query'] }, () => leads);
});
afterEach(() => void vi.useRealTimers());

/** Lines of a scrape about a queue. */
const scrape = async (queue: string) =>
  (await registry.metrics()).split('\n').filter((line) => line.includes(`queue="${queue}"`));

it('should tell how much waits in each queue and for how long, at the first scrape', async () => {
  expect(await scrape('mail')).toEqual([
    'millrace_queue_tasks{queue="mail",status="pending"} 3',
    'millrace_queue_tasks{queue="mail",status="queued"} 2',
    'millrace_queue_tasks{queue="mail",status="running"} 1',
    'millrace_queue_tasks{queue="mail",status="retrying"} 0',
    'millrace_queue_due{queue="mail"} 4',
    'millrace_queue_oldest_due_seconds{queue="mail"} 12.5',
  ]);
  expect(counted).toBe(1);
});

it('should tell 0 of a queue in which nothing waits, also when something did', async () => {
  await scrape('mail');
  answer = async () => [];
  vi.advanceTimersByTime(10_000);
  expect(await scrape('mail')).toContain('millrace_queue_due{queue="mail"} 0');
  expect(await scrape('mail')).toContain('millrace_queue_oldest_due_seconds{queue="mail"} 0');
});

it('should count every 10 s at most, and in a twentieth of the time', async () => {
  await scrape('mail');
  vi.advanceTimersByTime(9999);
  await scrape('mail');
  expect(counted).toBe(1);
  answer = async () => {
    vi.advanceTimersByTime(900);
    return [];
  };
  vi.advanceTimersByTime(1);
  await scrape('mail');
  expect(counted).toBe(2);
  vi.advanceTimersByTime(17_999);
  await scrape('mail');
  expect(counted).toBe(2);
  vi.advanceTimersByTime(1);
  await scrape('mail');
  expect(counted).toBe(3);
});

it('should tell nothing of depths, and ask for none, in a beat that does not lead', async () => {
  await scrape('mail');
  leads = false;
  expect(await scrape('mail')).toEqual([]);
  expect(await scrape('dataset')).toEqual(['millrace_queue_over_threshold{queue="dataset"} 300']);
  expect(counted).toBe(1);
});

it('should keep what it knows while the database is away', async () => {
  await scrape('mail');
  answer = () => Promise.reject(new Error('the database is away'));
  vi.advanceTimersByTime(10_000);
  expect(await scrape('mail')).toContain('millrace_queue_due{queue="mail"} 4');
  expect(counted).toBe(2);
});

it('should answer while the database says nothing, and ask it no second time meanwhile', async () => {
  answer = () => new Promise(() => undefined);
  expect(await scrape('mail')).toEqual([]);
  vi.advanceTimersByTime(60_000);
  expect(await scrape('dataset')).toEqual(['millrace_queue_over_threshold{queue="dataset"} 300']);
  expect(counted).toBe(1);
});
