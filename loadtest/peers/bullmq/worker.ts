/** Runs jobs that do nothing, SLOTS side by side, and keeps when each was entered. */
import { Worker } from 'bullmq';
import { type Deliveries, given, serve, type WorkerRequest, wallClock } from '../protocol.ts';
import { connect, type Payload, queueName } from './queue.ts';

const connection = connect();
let now = wallClock();
let numbers: number[] = [];
let sentMs: number[] = [];
let enteredMs: number[] = [];
let stampedMs: number[] = [];
const worker = new Worker<Payload>(
  queueName,
  async ({ data, timestamp, processedOn = Number.NaN }) => {
    numbers.push(data.n);
    sentMs.push(data.sent);
    enteredMs.push(now());
    stampedMs.push(processedOn - timestamp);
  },
  { connection, concurrency: Number(given('SLOTS')) },
);
worker.on('error', (error) => process.stderr.write(`${error.stack}\n`));
await worker.waitUntilReady();

await serve<WorkerRequest>(
  async ({ work }) => {
    if (work === 'count') return { count: numbers.length };
    if (work === 'deliveries') return { numbers, sentMs, enteredMs, stampedMs } satisfies Deliveries;
    now = wallClock();
    numbers = [];
    sentMs = [];
    enteredMs = [];
    stampedMs = [];
    return {};
  },
  async () => {
    await worker.close();
    connection.disconnect();
  },
);
