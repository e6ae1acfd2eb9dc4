/** What a flow is: tasks that wait for one another, sent as one. */
import { MillraceError } from '../errors.ts';
import type { Json } from './json.ts';
import type { TaskOptions } from './options.ts';
import type { FieldIssue } from './payload.ts';

/** Most tasks a flow may hold. */
export const maxFlowTasks = 1000;
/** Deepest nesting of chains and groups. */
export const maxFlowDepth = 100;
/** Most pairs of a task and one it waits for: a group right after a group makes one for each of both. */
export const maxFlowLinks = 10_000;

export interface FlowTask {
  readonly task: string;
  readonly payload: Json;
  /** Whose it is, where that is somebody else than the flow's. */
  readonly userId?: string | undefined;
  /** `eta`, `uniqueKey` and `durable: false` are refused; a countdown runs from the moment the task is free to start. */
  readonly options?: TaskOptions | undefined;
}

/** One after another. */
export interface FlowChain {
  readonly chain: readonly Flow[];
}

/** Side by side; `then` starts when all of them have completed. */
export interface FlowGroup {
  readonly group: readonly Flow[];
  readonly then?: Flow | undefined;
}

export type Flow = FlowTask | FlowChain | FlowGroup;

/** The ids of a flow's tasks, in the shape of the flow. */
export type FlowIds =
  | { readonly task_id: string }
  | { readonly chain: readonly FlowIds[] }
  | { readonly group: readonly FlowIds[]; readonly then?: FlowIds | undefined };

export interface AcceptedFlow {
  readonly flowId: string;
  readonly tasks: FlowIds;
  /** False when this very flow was accepted before. */
  readonly created: boolean;
}

export type FlowFault = 'flow_invalid' | 'flow_too_large' | 'flow_id_taken' | 'task_id_taken';

/** A flow that was refused as a whole; `issues` names each place of it that is wrong, as `chain.0.group.2.payload.ms`. */
export class FlowError extends MillraceError {
  override readonly name = 'FlowError';
  declare readonly code: FlowFault;
  readonly issues: readonly FieldIssue[];

  constructor(code: FlowFault, issues: readonly FieldIssue[]) {
    const list = issues.map(({ field, message }) => (field === '' ? message : `${field}: ${message}`)).join('; ');
    super({
      code,
      message: `The flow was not accepted: ${list}.`,
      hint: 'Nothing of it was accepted. Mend it and send it again.',
    });
    this.issues = issues;
  }
}
