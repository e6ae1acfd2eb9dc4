/** How one task comes along, told as states: whoever is slow or comes late hears the newest. */
import { isFinal, isTerminal, type LiveEvent, type TaskRow } from '../../runtime/index.ts';
import type { SseStream } from '../sse.ts';
import type { Json, TaskStatusName } from '../types/common.ts';
import type { TaskErrorJson } from '../types/task.ts';
import { taskJson } from '../views/task.ts';

/** The id of the last event: who comes again with it has heard all. */
export const endId = 'end';
/** While the ledger does not answer, it is asked again. */
const askAgainMs = 1000;

interface State {
  readonly status: TaskStatusName;
  readonly attempts: number;
  readonly epoch: number;
  readonly error: TaskErrorJson | null;
  readonly progress: Json;
  /** Of the event that told it. */
  readonly id: string | undefined;
}

/** The parts of an event's data that are looked at here. */
interface EventData {
  readonly status: TaskStatusName;
  readonly attempts: number;
  readonly epoch: number;
  readonly error?: TaskErrorJson;
  readonly progress?: Json;
  readonly omitted?: true;
}

/** Of the event that has the ledger asked: its id. */
interface Wanted {
  readonly id: string | undefined;
}

export interface TaskStreamDeps {
  readonly taskId: string;
  readonly sse: () => Pick<SseStream, 'writable' | 'send' | 'end'> | undefined;
  /** The row as it is; undefined when there is none any more. */
  readonly read: () => Promise<TaskRow | undefined>;
}

export class TaskStream {
  readonly #deps: TaskStreamDeps;
  #told: State | undefined;
  #newest: State | undefined;
  #ended: TaskRow | undefined;
  #asking = false;
  /** The newest that was not asked for yet. */
  #wanted: Wanted | undefined;
  #closed = false;
  #count = 0;

  constructor(deps: TaskStreamDeps) {
    this.#deps = deps;
  }

  event(event: LiveEvent): void {
    // written by this release or another: fields that are not there are not news
    const data: EventData = JSON.parse(event.data);
    if (isFinal(event) || data.omitted) {
      void this.#ask(event.id);
      return;
    }
    const { status, attempts, epoch, error, progress } = data;
    const before = this.#newest;
    const kept = before?.epoch === epoch ? before.progress : null;
    this.#newest = { status, attempts, epoch, error: error ?? null, progress: progress ?? kept, id: event.id };
    this.tell();
  }

  /** Tells what is news, if the reader takes it. */
  tell(): void {
    const sse = this.#deps.sse();
    if (this.#closed || !sse?.writable) return;
    const { taskId } = this.#deps;
    const [before, now] = [this.#told, this.#newest];
    if (now && now !== before) {
      this.#told = now;
      const { status, attempts, error, progress } = now;
      const hasMoved = progress !== null && JSON.stringify(before?.progress) !== JSON.stringify(progress);
      const ownId = () => `${now.epoch}.${++this.#count}`;
      const id = now.id ?? ownId();
      if (before?.status !== status || before.attempts !== attempts) {
        // the last of what one event tells has its id: who resumes after it has heard all of it
        const data = { task_id: taskId, status, attempts, error };
        sse.send({ event: 'status', id: hasMoved ? ownId() : id, data });
      }
      if (hasMoved) sse.send({ event: 'progress', id, data: { task_id: taskId, progress } });
    }
    if (!this.#ended) return;
    this.#closed = true;
    sse.send({ event: 'end', id: endId, data: taskJson(this.#ended) });
    sse.end();
  }

  close(): void {
    this.#closed = true;
  }

  /** The ledger's word on an end, which holds all of it. What comes while it is asked has it asked once more. */
  async #ask(id: string | undefined): Promise<void> {
    this.#wanted = { id };
    if (this.#asking) return;
    this.#asking = true;
    try {
      while (this.#wanted && !this.#closed) {
        const wanted: Wanted = this.#wanted;
        this.#wanted = undefined;
        try {
          const row = await this.#deps.read();
          if (row) this.#take(row, wanted.id);
          else this.#giveUp();
        } catch {
          this.#wanted ??= wanted;
          await new Promise((resolve) => setTimeout(resolve, askAgainMs).unref());
        }
      }
    } finally {
      this.#asking = false;
    }
  }

  /** It is older than the ledger keeps: nothing will be heard of it any more. */
  #giveUp(): void {
    this.#closed = true;
    this.#deps.sse()?.end();
  }

  #take(row: TaskRow, id: string | undefined): void {
    const { status, attempts, error, progress } = taskJson(row);
    this.#newest = { status, attempts, epoch: row.epoch, error, progress, id };
    if (isTerminal(row.status)) this.#ended = row;
    this.tell();
  }
}
