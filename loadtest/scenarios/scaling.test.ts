import { beforeEach, expect, it, vi } from 'vitest';
import { Client } from '../client.ts';
import { readSettings } from '../settings.ts';
import { scaling } from './scaling.ts';

/** What the API was asked, and whether its queue is paused. */
const api = vi.hoisted(() => ({ asked: [] as string[], paused: false }));
vi.mock('k6/http', () => ({
  default: {
    async asyncRequest(method: string, url: string) {
      const { pathname } = new URL(url);
      api.asked.push(`${method} ${pathname}`);
      const queues = [
        { name: 'mail', paused: true },
        { name: 'fast_tasks', paused: api.paused },
      ];
      const ended = { status: 'COMPLETED', finished_at: '2026-01-01T00:00:00.000Z' };
      const body = JSON.stringify({ queues, workers: [], ...ended });
      return { status: method === 'POST' ? 202 : 200, body, timings: { duration: 1 } };
    },
  },
}));
vi.mock('../metrics.ts', () => ({ workers: { add: () => undefined } }));
vi.mock('../pause.ts', () => ({ pause: async () => undefined }));
vi.mock('../abort.ts', () => ({
  abort(sentence: string) {
    throw new Error(sentence);
  },
}));

const prepare = () =>
  scaling.prepare({
    client: new Client('http://127.0.0.1:5001', 'a-key-of-this-test'),
    settings: readSettings({ SCENARIO: 'scaling' }).settings,
  });
beforeEach(() => {
  api.asked.length = 0;
});

it('should refuse to begin while an operator has paused its queue, which it would resume', async () => {
  api.paused = true;
  await expect(prepare()).rejects.toThrow(/^The queue fast_tasks is paused; .+ \(millrace resume fast_tasks\)/);
  expect(api.asked).toEqual(['GET /v1/queues']);
});

it('should begin while another queue is paused', async () => {
  api.paused = false;
  await expect(prepare()).resolves.toEqual({ startedMs: Date.parse('2026-01-01T00:00:00.000Z') });
});
