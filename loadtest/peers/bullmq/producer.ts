/** Adds jobs: `add` one by one, `addBulk` in batches. */
import { Queue } from 'bullmq';
import { type EnqueueRequest, enqueue, type PaceRequest, pace, serve, wallClock } from '../protocol.ts';
import { connect, jobName, jobOptions, type Payload, queueName } from './queue.ts';

const connection = connect();
const queue = new Queue<Payload>(queueName, { connection });
await queue.waitUntilReady();
let now = wallClock();
let n = 0;
const payload = (): Payload => ({ n: n++, sent: now() });
const one = () => queue.add(jobName, payload(), jobOptions);
const bulk = (size: number) =>
  queue.addBulk(Array.from({ length: size }, () => ({ name: jobName, data: payload(), opts: jobOptions })));

await serve<EnqueueRequest | PaceRequest>(
  (request) => {
    now = wallClock();
    if (request.work === 'pace') return pace(request, one);
    return enqueue(request, request.batch === 1 ? one : bulk);
  },
  async () => {
    await queue.close();
    connection.disconnect();
  },
);
