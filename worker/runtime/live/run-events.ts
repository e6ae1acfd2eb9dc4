/** What one run tells of itself, each thing after the ledger (or Redis, for tasks that are not durable) has it. */
import type { ClaimedTask, TaskError, TerminalStatus } from '../ledger/rows.ts';
import { type LiveSubject, liveEvent, type NewLiveEvent, subjectOf } from './event.ts';
import type { LiveSink } from './publisher.ts';

export class RunEvents {
  readonly #sink: LiveSink;
  readonly #claimed: ClaimedTask;
  #known: LiveSubject | undefined;
  #step: unknown;
  /** Whether anything has told yet that it runs. */
  #told = false;
  /** Whether it has ended, told or not: a start that comes after that would be the last that is heard of it. */
  #over = false;

  constructor(sink: LiveSink, claimed: ClaimedTask) {
    this.#sink = sink;
    this.#claimed = claimed;
  }

  get #subject(): LiveSubject {
    this.#known ??= subjectOf(this.#claimed);
    return this.#known;
  }

  /** Told a moment later, and not at all when it has ended by then: most tasks are short, and each event costs as much as a good part of them. */
  started(): void {
    this.#sink.publishLater(this.#claimed.tenantId, () => {
      if (this.#told || this.#over) return undefined;
      this.#told = true;
      return liveEvent('status', this.#subject, 'RUNNING');
    });
  }

  /** @param progress JSON text; the first of a new `step` is told as that */
  progress(progress: string): void {
    if (!this.#told) this.#publish(() => liveEvent('status', this.#subject, 'RUNNING'));
    this.#publish(() => {
      const step = stepOf(progress);
      const isNew = step !== undefined && step !== this.#step;
      this.#step = step;
      return liveEvent(isNew ? 'step' : 'progress', this.#subject, 'RUNNING', { progress });
    });
  }

  /** @param late it was over its time limit: the ledger has raised its epoch */
  retrying(error: TaskError, late = false): void {
    const { epoch, durable } = this.#subject;
    const subject = late && durable ? { ...this.#subject, epoch: epoch + 1 } : this.#subject;
    this.#end(() => liveEvent('status', subject, 'RETRYING', { error }));
  }

  /** Waits again as if this attempt had not been; the ledger has raised its epoch. */
  waitsAgain(error?: TaskError): void {
    const { epoch, attempts, durable } = this.#subject;
    const subject = { ...this.#subject, epoch: durable ? epoch + 1 : 0, attempts: Math.max(0, attempts - 1) };
    this.#end(() => liveEvent('status', subject, 'PENDING', { error }));
  }

  /** @param result JSON text */
  completed(result: string): void {
    this.#end(() => liveEvent('result', this.#subject, 'COMPLETED', { result }));
  }

  failed(status: Exclude<TerminalStatus, 'COMPLETED'>, error: TaskError): void {
    const { epoch, durable } = this.#subject;
    // as `failTask` writes it
    const subject = status === 'TIMED_OUT' && durable ? { ...this.#subject, epoch: epoch + 1 } : this.#subject;
    this.#end(() => liveEvent('error', subject, status, { error }));
  }

  #end(make: () => NewLiveEvent): void {
    this.#over = true;
    this.#publish(make);
  }

  #publish(make: () => NewLiveEvent): void {
    this.#sink.publish(this.#claimed.tenantId, () => {
      this.#told = true;
      return make();
    });
  }
}

function stepOf(progress: string): unknown {
  const parsed: unknown = JSON.parse(progress);
  return typeof parsed === 'object' && parsed !== null && 'step' in parsed ? parsed.step : undefined;
}
