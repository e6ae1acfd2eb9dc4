/** What the shapes of answers share. Here and beside: types only, so that a browser client can lean on them. */

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json | undefined };

export type TaskStatusName =
  | 'PENDING'
  | 'QUEUED'
  | 'RUNNING'
  | 'RETRYING'
  | 'COMPLETED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'CANCELLED'
  | 'EXPIRED';

/** RFC 9457, with what scripts lean on. */
export interface ProblemJson {
  /** Stable, lower_snake_case. */
  readonly code: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** The request's id, as in the header X-Request-Id and in the log. */
  readonly instance: string;
  readonly hint?: string | undefined;
  /** Every field that is wrong. */
  readonly errors?: readonly { readonly field: string; readonly message: string }[] | undefined;
}

/** A page, as Dify's lists have it. */
export interface PageJson<T> {
  readonly data: readonly T[];
  readonly page: number;
  readonly limit: number;
  readonly total: number;
  readonly has_more: boolean;
}
