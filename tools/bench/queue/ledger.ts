/** What the ledger says of the tasks that a worker has run. */
import pg from 'pg';
import { byLedger, fromCall, fromCommit } from './names.ts';
import type { Account, Pickups, Sent } from './subject.ts';

const queryTimeoutMs = 30_000;
const maintenanceTimeoutMs = 300_000;
const pollMs = 100;
const settleTimeoutMs = 60_000;
const commits = 300;
const settingNames = [
  'server_version',
  'fsync',
  'synchronous_commit',
  'full_page_writes',
  'wal_sync_method',
  'shared_buffers',
  'max_connections',
];
const countIntervalMs = 250;

export class Ledger implements AsyncDisposable {
  readonly #url: string;
  readonly #pool: pg.Pool;
  #counted = 0;
  #countedAt = 0;

  constructor(url: string) {
    this.#url = url;
    this.#pool = new pg.Pool({ connectionString: url, max: 2, query_timeout: queryTimeoutMs });
    this.#pool.on('error', () => undefined);
  }

  async #rows<R extends pg.QueryResultRow>(text: string, params: readonly unknown[] = []): Promise<R[]> {
    return (await this.#pool.query<R>(text, [...params])).rows;
  }

  async #number(text: string): Promise<number> {
    const [row] = await this.#rows<{ value: string }>(text);
    return Number(row?.value);
  }

  /** Rows that are not finished. */
  waiting(): Promise<number> {
    return this.#number('select count(*) as value from tasks_live');
  }

  /** Counted at most so often: a count reads the whole table, and the times of ends are in the rows. */
  async finished(): Promise<number> {
    if (Date.now() - this.#countedAt >= countIntervalMs) {
      this.#counted = await this.#number('select count(*) as value from tasks_finished');
      this.#countedAt = Date.now();
    }
    return this.#counted;
  }

  /** Resolves when accepted rows are handed over, as far as they will be: no fewer are left than a moment ago. */
  async settled(): Promise<void> {
    const left = () => this.#number(`select count(*) as value from tasks_live where status = 'PENDING'`);
    const deadline = Date.now() + settleTimeoutMs;
    for (let before = await left(); before > 0; ) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
      const now = await left();
      if (now === before) return;
      if (Date.now() > deadline) throw new Error(`rows were still handed over after ${settleTimeoutMs / 1000} s`);
      before = now;
    }
  }

  /**
   * Lets Postgres do at once what it would do some time within the next minutes of so many rows that have come: write them back, vacuum
   * and analyse. What is measured after that is a queue in which many wait, not the minutes in which they came.
   */
  async rested(): Promise<void> {
    await this.#maintenance('vacuum (analyze) tasks_live');
    await this.#maintenance('checkpoint');
  }

  async #maintenance(text: string): Promise<void> {
    const client = new pg.Client({ connectionString: this.#url, query_timeout: maintenanceTimeoutMs });
    await client.connect();
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  }

  /** An attempt is a delivery that was let in; those that met a row somebody else held are dropped and not in it. */
  async account(): Promise<Account> {
    const rows = await this.#rows<{ ended: number; attempts: number }>(
      `select extract(epoch from finished_at)::float8 * 1000 as ended, attempts from tasks_finished
        where status = 'COMPLETED' order by finished_at`,
    );
    return {
      delivered: rows.reduce((sum, { attempts }) => sum + attempts, 0),
      distinct: rows.length,
      endedMs: rows.map(({ ended }) => ended),
    };
  }

  /** A probe's result is when its handler was entered. */
  async pickups({ calls = [] }: Sent, run: string): Promise<readonly Pickups[]> {
    const rows = await this.#rows<{ n: number; entered: number }>(
      `select (payload->>'n')::int as n, (result->>'entered_ms')::float8 as entered
         from tasks_finished where name = 'sample_clock' and payload->>'run' = $1`,
      [run],
    );
    const entered = new Map(rows.map((row) => [row.n, row.entered]));
    const claims = await this.#rows<{ ms: number }>(
      'select extract(epoch from started_at - accepted_at)::float8 * 1000 as ms from tasks_finished',
    );
    return [
      { measure: fromCommit, ms: calls.map(([n, , acceptedMs]) => (entered.get(n) ?? Number.NaN) - acceptedMs) },
      { measure: fromCall, ms: calls.map(([n, calledMs]) => (entered.get(n) ?? Number.NaN) - calledMs) },
      { measure: byLedger, ms: claims.map(({ ms }) => ms) },
    ];
  }

  /** Drops what has ended; what waits stays. */
  async forget(): Promise<void> {
    await this.#rows('truncate tasks_finished');
    this.#countedAt = 0;
  }

  /** Drops everything. */
  async clear(): Promise<void> {
    await this.#rows('truncate tasks_live');
    await this.forget();
  }

  /** What decides how durable and how fast the server is. */
  async settings(): Promise<Readonly<Record<string, string>>> {
    const rows = await this.#rows<{ name: string; value: string }>(
      'select name, current_setting(name) as value from unnest($1::text[]) as name',
      [settingNames],
    );
    return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  }

  /** Milliseconds of commits of one row from one connection. */
  async commitTimes(): Promise<number[]> {
    const client = await this.#pool.connect();
    try {
      await client.query('create table bench_commit (at timestamptz)');
      const took: number[] = [];
      while (took.length < commits) {
        const from = performance.now();
        await client.query('insert into bench_commit values (now())');
        took.push(performance.now() - from);
      }
      await client.query('drop table bench_commit');
      return took;
    } finally {
      client.release();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }
}
