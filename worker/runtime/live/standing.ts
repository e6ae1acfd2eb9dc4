/** How things stand by the ledger, for who begins to listen, and for who may have missed something. */
import type { Database } from '../../db/index.ts';
import { Grouped } from '../grouped.ts';
import { readStates, tenantEnds, tenantStates } from '../ledger/live.ts';
import { isTerminal, type TaskRow } from '../ledger/rows.ts';
import type { NotDurableTasks } from '../not-durable/index.ts';
import { askBatch } from './batches.ts';
import { eventOfRow, isFinal, type LiveEvent } from './event.ts';
import type { Subscription } from './listeners.ts';

export interface StandingDeps {
  readonly db: Database;
  readonly notDurable: Pick<NotDurableTasks, 'readKnown'>;
}

/** Tasks told to one listener when it comes, or after a gap. */
const snapshotLimit = 500;
/** Ends compared with the stream when a listener resumes; more than a stream can hold. */
const endsLimit = 5000;
/** Ends of so long are told after a gap at most. */
const maxSeconds = 3600;

type About = Pick<Subscription, 'tenantId' | 'scope'>;

export interface Stands {
  readonly events: readonly LiveEvent[];
  /** False: there was more than is told to one listener. */
  readonly complete: boolean;
}

const endKey = ({ taskId, epoch }: Pick<LiveEvent, 'taskId' | 'epoch'>): string => `${taskId}:${epoch}`;
const userOf = ({ scope }: About): string | undefined => (scope.kind === 'user' ? scope.userId : undefined);

export class Standing {
  readonly #deps: StandingDeps;
  /** Many who begin to listen at once share a statement. */
  readonly #rows: Grouped<string, TaskRow | undefined>;

  constructor(deps: StandingDeps) {
    this.#deps = deps;
    const write = async (ids: readonly string[]) => {
      const rows = new Map((await readStates(deps.db, ids)).map((row) => [row.id, row]));
      return ids.map((id) => rows.get(id));
    };
    this.#rows = new Grouped({ most: askBatch, lanes: 1, write });
  }

  /**
   * The state of the one task; of a user or tenant what runs, and what ended within `seconds`.
   * @param id the place in the stream that this is told at
   */
  async of(about: About, seconds: number, id: string | undefined): Promise<Stands> {
    const { tenantId, scope } = about;
    const { db, notDurable } = this.#deps;
    if (scope.kind === 'task') {
      const { taskId, durable } = scope;
      const row = durable ? await this.#rows.add(taskId) : (await notDurable.readKnown([taskId]))[0];
      return { events: row ? [eventOfRow(row, id, durable)] : [], complete: true };
    }
    const asked = Math.min(seconds, maxSeconds);
    const { rows, complete } = await tenantStates(db, tenantId, userOf(about), asked, snapshotLimit);
    return { events: rows.map((row) => eventOfRow(row, id)), complete: complete && asked === seconds };
  }

  /** Ends by the ledger that are not among these events: a process died between its commit and its event. */
  async endsUntold(
    about: About,
    told: readonly LiveEvent[],
    seconds: number,
    id: string | undefined,
  ): Promise<LiveEvent[]> {
    const known = new Set(told.filter(isFinal).map(endKey));
    if (about.scope.kind === 'task') {
      const { events } = await this.of(about, 0, id);
      return events.filter((event) => isFinal(event) && !known.has(endKey(event)));
    }
    const { db } = this.#deps;
    const asked = Math.min(seconds, maxSeconds);
    const ends = await tenantEnds(db, about.tenantId, userOf(about), asked, endsLimit);
    const missing = ends.filter((end) => !known.has(endKey({ taskId: end.id, epoch: end.epoch }))).map((end) => end.id);
    if (missing.length === 0) return [];
    const rows = await readStates(db, missing);
    return rows.filter(({ status }) => isTerminal(status)).map((row) => eventOfRow(row, id));
  }
}
