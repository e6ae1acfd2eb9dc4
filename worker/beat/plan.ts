/** From rows that are due to what is written of them: tasks to send, slots to record, rows moved on. */
import { v7 as uuidv7 } from 'uuid';
import { errorText } from '../errors.ts';
import { isQueueName } from '../queues.ts';
import {
  type DuePlan,
  type DueSlot,
  dueAt,
  parsePayload,
  planDue,
  type ScheduleRow,
  type TaskRegistry,
  type TaskRequest,
  timetableOf,
  timingOf,
} from '../runtime/index.ts';

export type DueRow = Omit<ScheduleRow, 'next_slot'> & { readonly next_slot: Date };

/** A slot to fire, and the task that it becomes. */
export interface PlannedSlot extends DueSlot {
  readonly scheduleId: string;
  readonly request: TaskRequest & { readonly options: { readonly taskId: string } };
}

/** What becomes of one row. */
export interface PlannedRow {
  readonly id: string;
  readonly revision: number;
  readonly slots: readonly PlannedSlot[];
  readonly missed: number;
  readonly next: { readonly slot: Date; readonly at: Date } | undefined;
  /** False: its task is not known here. */
  readonly built: boolean;
  /** Why it was not fired although it is due; for the log. */
  readonly fault?: string;
}

/** @param now the database's clock */
export function planRow(row: DueRow, registry: TaskRegistry, now: Date): PlannedRow {
  const { id, revision } = row;
  const task = registry.get(row.task);
  if (!task)
    return { id, revision, slots: [], missed: 0, next: undefined, built: false, fault: 'its task is not known' };
  let due: DuePlan;
  try {
    due = duePlan(row, now);
  } catch (error) {
    return { id, revision, slots: [], missed: 0, next: undefined, built: true, fault: errorText(error) };
  }
  const next = due.next && { slot: due.next, at: dueAt({ id, jitterSeconds: row.jitter_seconds }, due.next) };
  const moved = { id, revision, next, built: true };
  try {
    parsePayload(row.task, task.payload, row.payload);
    if (row.queue !== null && !isQueueName(row.queue)) throw new Error(`there is no queue ${String(row.queue)}`);
  } catch (error) {
    // it cannot become a task: left out, so that it holds up no other
    return { ...moved, slots: [], missed: due.missed + due.fire.length, fault: errorText(error) };
  }
  return { ...moved, slots: due.fire.map((slot) => plannedSlot(row, slot)), missed: due.missed };
}

function duePlan(row: DueRow, now: Date): DuePlan {
  const timetable = timetableOf(timingOf(row));
  const recurrence = { id: row.id, timetable, jitterSeconds: row.jitter_seconds, missed: row.missed };
  // a slot that was fired is not fired again, whatever the row was set to
  const first = row.last_slot && row.next_slot <= row.last_slot ? timetable.after(row.last_slot) : row.next_slot;
  if (!first || dueAt(recurrence, first) > now) return { fire: [], missed: 0, next: first };
  return planDue(recurrence, first, now);
}

function plannedSlot(row: DueRow, slot: DueSlot): PlannedSlot {
  const { task, payload, tenant_id: tenantId } = row;
  const options = {
    taskId: uuidv7(),
    taskIdIsNew: true,
    queue: row.queue ?? undefined,
    priority: row.priority ?? undefined,
    expiresSeconds: row.expires ? slot.untilNextSeconds : undefined,
  };
  return { ...slot, scheduleId: row.id, request: { task, payload, tenantId, options } };
}
