/** The shapes of answers about schedules. Timestamps are ISO 8601 in UTC. */
import type { Json } from './common.ts';

export interface ScheduleJson {
  readonly name: string;
  readonly task: string;
  /** Null: the task's own. */
  readonly queue: string | null;
  readonly payload: Json;
  readonly priority: number | null;
  readonly source: 'platform' | 'code' | 'api';
  readonly status: 'active' | 'paused' | 'disabled' | 'not_built';
  readonly cron: string | null;
  readonly timezone: string;
  readonly every_seconds: number | null;
  readonly jitter_seconds: number;
  readonly missed: 'skip' | 'latest' | 'all';
  readonly expires: boolean;
  /** Null while it is not to fire. */
  readonly next_slot: string | null;
  /** The slot and its jitter. */
  readonly next_at: string | null;
  readonly last_slot: string | null;
  readonly last_fired_at: string | null;
  readonly last_fired_by: string | null;
  readonly last_lateness_seconds: number | null;
  readonly last_task_id: string | null;
  readonly slots_fired: number;
  /** Left out by `missed`. */
  readonly slots_missed: number;
  readonly created_at: string;
  readonly updated_at: string;
}

export interface ScheduleDetailJson extends ScheduleJson {
  /** The next slots, while it is to fire. */
  readonly upcoming: readonly string[];
  /** What it fired, newest first. */
  readonly recent: readonly {
    readonly slot: string;
    readonly fired_at: string;
    readonly lateness_seconds: number;
    readonly fired_by: string;
    /** Of the leader; null when it was run by hand. */
    readonly term: number | null;
    readonly by_hand: boolean;
    readonly task_id: string;
  }[];
}

export interface SchedulePageJson {
  readonly schedules: readonly ScheduleJson[];
  readonly next_cursor: string | null;
  /** The beat that fires them; null when none is there, and nothing is fired. */
  readonly leader: { readonly name: string; readonly term: number; readonly since: string } | null;
}
