/** The child that runs the tasks of mode `all`: a worker that its parent starts, asks, drains and replaces. */
import { collectDefaultMetrics, Registry } from 'prom-client';
import { type Config, readConfig } from '../config/config.ts';
import { targetsOfOneServer } from '../config/redis-target.ts';
import { borrowDatabase, type Database, type DatabaseAnswer } from '../db/index.ts';
import { errorText, MillraceError } from '../errors.ts';
import {
  armFailpoint,
  type Consumer,
  createLiveMetrics,
  lastWordsFd,
  standInFrontOfTheKiller,
} from '../runtime/index.ts';
import type { Embedder } from '../services/embedding/index.ts';
import { createTasks } from '../tasks/registry.ts';
import type { Logger } from '../telemetry/logger.ts';
import { startConsuming } from './consuming.ts';
import { exitConfig, exitWorn } from './exit-codes.ts';
import { openPublisher } from './live.ts';
import { openLog } from './log.ts';
import { openRedis, openWorkerDatabase } from './resources.ts';
import { openServices } from './services.ts';
import { trimHeap } from './trim-heap.ts';
import type { Ask, FromWorker, SentError, ToWorker } from './worker-messages.ts';

interface Opened {
  readonly consumer: Consumer;
  readonly embedder: Embedder;
  readonly metrics: Registry;
  readonly close: () => Promise<void>;
}

type Open = Extract<ToWorker, { kind: 'open' }>;

const send = (message: FromWorker, sent: () => void = () => undefined): void => {
  if (process.connected && process.send) process.send(message, undefined, undefined, sent);
  else sent();
};

const sentError = (error: unknown): SentError => ({
  code: error instanceof MillraceError ? error.code : 'worker_error',
  message: errorText(error),
  hint: error instanceof MillraceError ? error.hint : undefined,
});

/** Serves the parent over the channel until it is told to drain, wears out, or the parent is gone. */
export function serveParent(): void {
  // the parent decides when this process ends; a terminal's Ctrl-C reaches both
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.once('disconnect', () => process.exit(0));

  const config = readConfig(process.env);
  const log = openLog(config);
  process.on('unhandledRejection', (reason) => log.error({ err: reason }, 'an error was not handled'));
  if (config.failpoint) armFailpoint(config.failpoint);

  const questions = new Map<number, AbortController>();
  let answer: ((answer: DatabaseAnswer) => void) | undefined;
  const opened = Promise.withResolvers<Opened>();
  let opening = false;
  let ending = false;

  const end = async (code: number) => {
    if (ending) return;
    ending = true;
    if (opening) await (await opened.promise).close();
    process.exit(code);
  };
  const wearOut = (reason: string) => {
    log.warn({ reason }, 'the worker drains, to be started anew');
    end(exitWorn).catch(fail);
  };
  const fail = (error: unknown) => {
    send({ kind: 'unusable', error: sentError(error) }, () => process.exit(exitConfig));
  };

  const start = (message: Open) => {
    let db: Database | undefined;
    if (message.lent) {
      const borrowed = borrowDatabase((request) => send({ kind: 'request', request }));
      db = borrowed.db;
      answer = borrowed.answer;
    }
    opening = true;
    opened.resolve(openWorker({ config, log, db, message, wearOut }));
    opened.promise.then(() => {
      send({ kind: 'ready' });
      trimHeap();
    }, fail);
  };

  const tell = async (id: number, ask: Ask) => {
    const control = new AbortController();
    questions.set(id, control);
    try {
      send({ kind: 'told', id, answer: await answerOf(await opened.promise, ask, control.signal) });
    } catch (error) {
      send({ kind: 'refused', id, error: sentError(error) });
    } finally {
      questions.delete(id);
    }
  };

  process.on('message', (received) => {
    const message = received as ToWorker;
    switch (message.kind) {
      case 'open':
        start(message);
        break;
      case 'answer':
        answer?.(message.answer);
        break;
      case 'ask':
        void tell(message.id, message.ask);
        break;
      case 'forget':
        questions.get(message.id)?.abort();
        break;
      case 'drain':
        end(0).catch(() => process.exit(1));
        break;
      default:
        message satisfies never;
    }
  });
}

async function answerOf({ consumer, embedder, metrics }: Opened, ask: Ask, signal: AbortSignal): Promise<unknown> {
  switch (ask.of) {
    case 'silent':
      return consumer.silentQueues(ask.ms);
    case 'metrics':
      return metrics.metrics();
    case 'embed':
      return embedder.embed(ask.texts, { kind: ask.kind, signal });
  }
}

interface WorkerSetup {
  readonly config: Config;
  readonly log: Logger;
  /** The parent's; undefined: one of its own. */
  readonly db: Database | undefined;
  readonly message: Open;
  readonly wearOut: (reason: string) => void;
}

async function openWorker({ config, log, db: lent, message, wearOut }: WorkerSetup): Promise<Opened> {
  await standInFrontOfTheKiller('worker');
  await using stack = new AsyncDisposableStack();
  const targets = message.redis ? targetsOfOneServer(message.redis) : config.redis;
  if (!targets) throw new Error('the worker was told of no redis, and the configuration names none');
  const { db, reserved } = lent ? { db: lent } : await openWorkerDatabase(config, stack, log);
  const services = await openServices({ config, db, redis: targets, log }, stack, { storage: 'later' });
  const metrics = new Registry();
  // told apart from the parent's, on whose page they stand
  collectDefaultMetrics({ register: metrics, labels: { process: 'worker' } });
  const { publisher: live } = openPublisher(targets, createLiveMetrics(metrics), stack, log);
  const consumer = startConsuming(
    {
      config,
      db,
      reserved,
      registry: createTasks(services, { sampleTasks: config.sampleTasks }),
      connection: openRedis(targets, 'consumer', stack, log),
      metrics,
      live,
      log,
      owner: message.owner,
      lastWordsFd,
      wearOut,
      onLed: () => send({ kind: 'led' }),
    },
    stack,
  );
  const owned = stack.move();
  return { consumer, embedder: services.embedder, metrics, close: () => owned.disposeAsync() };
}
