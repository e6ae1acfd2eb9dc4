/** Flows as answers. */
import { type FlowState, isTerminal } from '../../runtime/index.ts';
import type { TaskStatusName } from '../types/common.ts';
import type { FlowJson } from '../types/flow.ts';

export function flowJson({ id, createdAt, members }: FlowState): FlowJson {
  const states: Partial<Record<TaskStatusName, number>> = {};
  for (const { status } of members) states[status] = (states[status] ?? 0) + 1;
  return {
    flow_id: id,
    accepted_at: createdAt.toISOString(),
    ended: members.every(({ status }) => isTerminal(status)),
    states,
    tasks: members.map((member) => ({
      task_id: member.id,
      task: member.name,
      queue: member.queue,
      status: member.status,
      waiting_for: member.waiting_for,
      parents: member.parents,
      attempts: member.attempts,
      error: member.error,
      started_at: member.started_at?.toISOString() ?? null,
      finished_at: member.finished_at?.toISOString() ?? null,
      dead_letter: member.dead_letter,
    })),
  };
}
