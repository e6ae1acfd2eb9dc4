/** Waiting for the end of a task: its event wakes whoever waits, and the ledger says what it was. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Logger } from '../telemetry/logger.ts';
import { isTerminal, type TaskRow } from './ledger/rows.ts';
import { isFinal } from './live/event.ts';
import type { LiveHub } from './live/hub.ts';
import { isNotDurableRow } from './not-durable/index.ts';
import type { TaskReader } from './task-reader.ts';

/** While the ledger does not answer, it is asked again. */
const askAgainMs = 1000;

export interface WatcherDeps {
  /** Where no event comes, it asks the ledger for ends every few seconds, for all who wait together. */
  readonly hub: Pick<LiveHub, 'listen'>;
  readonly reader: Pick<TaskReader, 'again'>;
  readonly log: Logger;
}

export class TaskWatcher {
  readonly #deps: WatcherDeps;

  constructor(deps: WatcherDeps) {
    this.#deps = deps;
  }

  /**
   * The row once it is terminal, or as it was last seen when `signal` is aborted.
   * @param row as it was just read
   */
  async untilTerminal(row: TaskRow, signal: AbortSignal): Promise<TaskRow> {
    while (!signal.aborted) {
      try {
        return await this.#heard(row, signal);
      } catch (error) {
        this.#deps.log.debug({ err: error, task_id: row.id }, 'a task could not be watched; it is tried again');
        await wait(askAgainMs, undefined, { signal }).catch(() => undefined);
      }
    }
    return row;
  }

  /** @throws when the ledger does not answer */
  async #heard(row: TaskRow, signal: AbortSignal): Promise<TaskRow> {
    const { hub, reader } = this.#deps;
    let newest = row;
    let news = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    const over = () => {
      aborted.resolve();
      news.resolve();
    };
    signal.addEventListener('abort', over, { once: true });
    const scope = { kind: 'task', taskId: row.id, durable: !isNotDurableRow(row) } as const;
    const onEvent = (event: Parameters<typeof isFinal>[0]) => {
      if (isFinal(event)) news.resolve();
    };
    const listening = hub.listen({ tenantId: row.tenant_id, scope }, { onEvent, onGap: () => undefined });
    try {
      // how it stands is told first: it may have ended since it was read
      await Promise.race([listening, aborted.promise]);
      while (!signal.aborted && !isTerminal(newest.status)) {
        await news.promise;
        news = Promise.withResolvers();
        newest = (await reader.again(row)) ?? newest;
      }
      return newest;
    } finally {
      signal.removeEventListener('abort', over);
      void listening.then(
        (subscription) => subscription[Symbol.dispose](),
        () => undefined,
      );
    }
  }
}
