/** The producer of Millrace, as a process: the runtime's own enqueuer, with the pool and the connections of any process. */
import { enqueue, pace, serve, wallClock } from '../../../loadtest/peers/protocol.ts';
import { readConfig } from '../../../worker/config/config.ts';
import { openPostgres } from '../../../worker/db/index.ts';
import type { QueueName } from '../../../worker/queues.ts';
import { connectRedis } from '../../../worker/redis/index.ts';
import {
  Broker,
  createEnqueuer,
  createRegistry,
  startRelay,
  type TaskOptions,
  Window,
} from '../../../worker/runtime/index.ts';
import { defaultTenantId } from '../../../worker/services/tenants/tenants.ts';
import { sampleTasks } from '../../../worker/tasks/sample/sample-tasks.ts';
import { createLogger } from '../../../worker/telemetry/logger.ts';
import type { MillraceEnqueueRequest, MillracePaceRequest } from './millrace-requests.ts';
import type { Sent } from './subject.ts';

const redisTimeoutMs = 10_000;

const config = readConfig(process.env);
const { database, redis } = config;
if (!database || !redis) throw new Error('expected DB_* and REDIS_* to name the servers');
const log = createLogger({ level: 'error' });
const db = openPostgres({
  ...database,
  applicationName: 'millrace-bench',
  onError: (error) => log.warn(error.message),
});
const connection = connectRedis(redis.broker, 'producer', log);
const broker = new Broker(connection, log);
await broker.whenReady(redisTimeoutMs);
const window = new Window(config.window);
const enqueuer = createEnqueuer({ db, broker, registry: createRegistry([...sampleTasks]), window, log });
// as in every process of Millrace: the fast path goes by what the relay reads of the window
startRelay({ db, broker, window, log });

/** `durable` is wider than what this release's runtime knows; it reads what it knows. */
type Options = TaskOptions & { readonly durable?: boolean };

function noop(queue: QueueName | undefined, durable: boolean) {
  const options: Options = { queue, ...(durable ? {} : { durable }) };
  return { task: 'sample_noop', payload: {}, tenantId: defaultTenantId, options };
}

const send = ({ queue, durable, ...request }: MillraceEnqueueRequest) => {
  const task = noop(queue, durable);
  return enqueue(request, (size) =>
    request.batch === 1 ? enqueuer.one(task) : enqueuer.batch(Array.from({ length: size }, () => task)),
  );
};

/** Every so many tasks one is a probe: it says when its handler was entered. */
async function sendAtPace({ run, probesPerSecond, durable, ...request }: MillracePaceRequest): Promise<Sent> {
  const now = wallClock();
  const between = Math.max(1, Math.round(request.perSecond / probesPerSecond));
  const task = noop(undefined, durable);
  const calls: [number, number, number][] = [];
  let n = 0;
  const sent = await pace(request, async () => {
    const number = n;
    n += 1;
    if (probesPerSecond === 0 || number % between !== 0) return enqueuer.one(task);
    const calledMs = now();
    await enqueuer.one({ ...task, task: 'sample_clock', payload: { run, n: number } });
    calls.push([number, calledMs, now()]);
    return undefined;
  });
  return { ...sent, calls };
}

await serve<MillraceEnqueueRequest | MillracePaceRequest>(
  (request) => (request.work === 'pace' ? sendAtPace(request) : send(request)),
  async () => {
    await broker.close();
    connection.disconnect();
    await db.close();
  },
);
process.exit(0);
