/** What mode `all` and the child that runs its tasks say to each other. */
import type { DatabaseAnswer, DatabaseRequest } from '../db/index.ts';
import type { EmbeddingKind } from '../services/embedding/index.ts';

/** What the parent may ask, by name, with what is answered. */
export interface Questions {
  /** Queues from which nothing was heard for so many ms. */
  readonly silent: { readonly asks: { readonly ms: number }; readonly answer: readonly string[] };
  /** Its metrics, as Prometheus reads them. */
  readonly metrics: { readonly asks: object; readonly answer: string };
  readonly embed: {
    readonly asks: { readonly texts: readonly string[]; readonly kind: EmbeddingKind };
    readonly answer: readonly Float32Array[];
  };
}

export type Ask = {
  [Name in keyof Questions]: { readonly of: Name } & Questions[Name]['asks'];
}[keyof Questions];

export type ToWorker =
  /** The first message. */
  | {
      readonly kind: 'open';
      /** Of its claims. */
      readonly owner: string;
      /** Whether it uses the parent's database. */
      readonly lent: boolean;
      /** The private Redis; undefined: the one of the configuration. */
      readonly redis: { readonly host: string; readonly port: number; readonly password: string } | undefined;
    }
  | { readonly kind: 'answer'; readonly answer: DatabaseAnswer }
  | { readonly kind: 'ask'; readonly id: number; readonly ask: Ask }
  /** Nobody waits for the answer any more. */
  | { readonly kind: 'forget'; readonly id: number }
  /** Finish or hand back what runs, and end. */
  | { readonly kind: 'drain' };

/** An error on its way between the two. */
export interface SentError {
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

export type FromWorker =
  | { readonly kind: 'ready' }
  /** It cannot work as it is set up; it ends by itself. */
  | { readonly kind: 'unusable'; readonly error: SentError }
  | { readonly kind: 'request'; readonly request: DatabaseRequest }
  | { readonly kind: 'told'; readonly id: number; readonly answer: unknown }
  | { readonly kind: 'refused'; readonly id: number; readonly error: SentError }
  /** A task has completed that others wait for. */
  | { readonly kind: 'led' };
