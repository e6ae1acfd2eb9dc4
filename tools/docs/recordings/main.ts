/**
 * Records `millrace why`, `watch` and `inspect` against a running Millrace, as pictures for the guide: `node
 * tools/docs/recordings/main.ts` writes docs/recordings/*.svg. It needs `script` of util-linux. Run it when what the commands print
 * has changed; nothing runs it by itself.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type EmbeddedProcess, startEmbedded } from '../../../worker/cli/embedded-process.ts';
import { createApiClient } from '../../../worker/cli/http.ts';
import { Recorder } from './record.ts';
import { svgOf } from './svg.ts';

const folder = path.resolve(import.meta.dirname, '../../../docs/recordings');
const columns = 120;
const lastSeconds = 6;
/** Workers say what they do every 5 s. */
const heartbeatMs = 5500;

interface Scene {
  readonly name: string;
  readonly title: string;
  readonly play: (stage: Stage) => Promise<void>;
}

interface Stage {
  readonly recorder: Recorder;
  /** The id of a task that was sent. */
  send(task: string, payload: object, options?: object): Promise<string>;
  post(path: string): Promise<unknown>;
}

const scenes: readonly Scene[] = [
  {
    name: 'why',
    title: 'millrace why: what keeps a task from running, and what mends it',
    async play({ recorder, send, post }) {
      const busy = [await send('sample_sleep', { ms: 60_000 }), await send('sample_sleep', { ms: 60_000 })];
      const waiting = await send('sample_noop', {});
      await post('/v1/queues/mail/pause');
      const paused = await send('sample_noop', {}, { queue: 'mail' });
      const later = await send('sample_noop', {}, { countdown: 300 });
      await wait(heartbeatMs);
      for (const id of [waiting, paused, later]) await recorder.run(`millrace why ${id}`);
      await recorder.run('millrace resume mail');
      await recorder.run(`millrace cancel ${busy.join(' ')} --yes`);
      await recorder.run(`millrace status ${waiting} --wait`);
    },
  },
  {
    name: 'watch',
    title: 'millrace watch: tasks until they have ended',
    async play({ recorder, send }) {
      const ids = [
        await send('sample_sleep', { ms: 4000 }),
        await send('sample_fail', { times: 2 }),
        await send('sample_sleep', { ms: 2500 }),
      ];
      await recorder.run(`millrace watch ${ids.join(' ')}`);
      await send('sample_sleep', { ms: 3000 });
      for (let n = 0; n < 6; n += 1) await send('sample_sleep', { ms: 1000 });
      await recorder.run('millrace watch --interval 1 --count 4');
    },
  },
  {
    name: 'inspect',
    title: 'millrace inspect: what runs, what waits for its time, and the whole in a few numbers',
    async play({ recorder, send }) {
      for (let n = 0; n < 3; n += 1) await send('sample_sleep', { ms: 30_000 });
      await send('sample_noop', {}, { countdown: 600, queue: 'mail' });
      await wait(heartbeatMs);
      for (const what of ['active', 'reserved', 'scheduled', 'stats']) await recorder.run(`millrace inspect ${what}`);
    },
  },
];

/** A Millrace of its own for each: what one scene leaves is not seen in the next. */
async function record({ name, title, play }: Scene): Promise<void> {
  const home = await mkdtemp(path.join(tmpdir(), 'millrace-recording-'));
  let millrace: EmbeddedProcess | undefined;
  try {
    millrace = await startEmbedded(home, {
      LOG_LEVEL: 'WARNING',
      MILLRACE_SAMPLE_TASKS: 'true',
      CELERY_WORKER_AMOUNT: '2',
      MILLRACE_GRACE_SECONDS: '1',
    });
    const client = createApiClient(millrace.url, millrace.apiKey);
    const host = hostname();
    const recorder = new Recorder(columns, { MILLRACE_HOME: home }, (text) =>
      // of the same length, or tables would not stand straight
      text.replaceAll(`${host}:`, `${'mill'.padEnd(host.length, '-').slice(0, host.length)}:`),
    );
    await play({
      recorder,
      send: async (task, payload, options) =>
        (await client.post<{ task_id: string }>('/v1/tasks', { task, payload, options })).task_id,
      post: (address) => client.post(address, {}),
    });
    const svg = svgOf({ title, columns, lastSeconds, ...recorder.session });
    await writeFile(path.join(folder, `${name}.svg`), svg);
    console.log(`docs/recordings/${name}.svg: ${recorder.session.frames.length} pictures, ${svg.length} bytes`);
  } finally {
    await millrace?.stop();
    await rm(home, { recursive: true, force: true });
  }
}

const wanted = process.argv.slice(2);
for (const scene of scenes) if (wanted.length === 0 || wanted.includes(scene.name)) await record(scene);
