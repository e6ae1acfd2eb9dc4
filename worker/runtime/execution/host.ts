/** The far side: runs the handlers that a worker hands over, one at a time, until it is told to end or the worker is gone. */
import { parentPort } from 'node:worker_threads';
import { borrowDatabase, type Database, lackingDatabase } from '../../db/index.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { createContext } from '../context.ts';
import { createLeaver } from '../enqueue.ts';
import type { ClaimedTask } from '../ledger/rows.ts';
import type { TaskRegistry } from '../registry.ts';
import { unknownTask } from '../unknown-task.ts';
import { ended } from './loop-executor.ts';
import type { FromHost, HostDatabase, ToHost } from './messages.ts';
import { standInFrontOfTheKiller } from './out-of-memory.ts';
import { fromWire, toWire } from './wire-error.ts';

/** What a host runs with. */
export interface HostParts {
  readonly db: Database;
  readonly registry: TaskRegistry;
  readonly log: Logger;
  close(): Promise<void>;
}

/** Opens what handlers lean on. `given` is the database where it is not the host's own. */
export type OpenHost = (given: Database | undefined) => Promise<HostParts>;

interface Port {
  send(message: FromHost): void;
  listen(listener: (message: ToHost) => void): void;
}

function workerPort(): Port {
  const thread = parentPort;
  if (thread) {
    return {
      send: (message) => thread.postMessage(message),
      listen: (listener) => thread.on('message', listener),
    };
  }
  // the worker decides when its children end; a terminal's Ctrl-C reaches all of them
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
  process.once('disconnect', () => process.exit(0));
  return {
    send: (message) => {
      if (process.connected) process.send?.(message);
    },
    listen: (listener) => process.on('message', listener),
  };
}

/** Serves the worker that started this thread or child. */
export function serveHost(open: OpenHost): void {
  const port = workerPort();
  let parts: HostParts | undefined;
  let answer: ((message: Extract<ToHost, { kind: 'answer' }>['answer']) => void) | undefined;
  let control = new AbortController();
  let fence: ClaimedTask['fence'] | undefined;

  const start = async (database: HostDatabase) => {
    await standInFrontOfTheKiller('host');
    let given: Database | undefined;
    if (database === 'lent') {
      const borrowed = borrowDatabase((request) => port.send({ kind: 'request', request }));
      given = borrowed.db;
      answer = borrowed.answer;
    } else if (database === 'none') {
      given = lackingDatabase();
    }
    parts = await open(given);
    port.send({ kind: 'ready' });
  };

  const run = async ({ db, registry, log: parent }: HostParts, name: string, claimed: ClaimedTask) => {
    control = new AbortController();
    fence = claimed.fence;
    const task = registry.get(name) ?? unknownTask(name, claimed.queue, registry.names);
    const log = parent.child({ task: name, task_id: claimed.fence.id, attempt: claimed.attempts - 1 });
    const { signal } = control;
    const context = createContext({
      db,
      enqueuer: createLeaver(registry),
      task: claimed,
      retries: task.retry.retries,
      signal: () => signal,
      log: () => log,
      writeProgress: async (progress) => port.send({ kind: 'progress', progress }),
    });
    port.send({ kind: 'entered' });
    const end = await ended(task, () => task.run(context, claimed.payload));
    await context.settle();
    port.send({ kind: 'ended', ended: 'error' in end ? { error: toWire(end.error) } : end });
  };

  const end = async () => {
    await parts?.close();
    process.exit(0);
  };

  const unusable = (error: unknown) => {
    port.send({ kind: 'unusable', error: toWire(error) });
  };

  port.listen((message) => {
    switch (message.kind) {
      case 'open':
        start(message.database).catch(unusable);
        break;
      case 'run':
        if (parts) run(parts, message.task, message.claimed).catch(unusable);
        break;
      case 'abort':
        if (fence) control.abort(fromWire(message.reason, fence));
        break;
      case 'answer':
        answer?.(message.answer);
        break;
      case 'end':
        end().catch(() => process.exit(1));
        break;
      default:
        message satisfies never;
    }
  });
}
