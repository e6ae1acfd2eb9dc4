/** What a worker and its hosts (threads and children that run handlers) say to each other. */
import type { DatabaseAnswer, DatabaseRequest } from '../../db/index.ts';
import type { ClaimedTask } from '../ledger/rows.ts';
import type { WireError } from './wire-error.ts';

/** `own`: connections of its own. `lent`: the worker's, over the port. `none`: pure computation. */
export type HostDatabase = 'own' | 'lent' | 'none';

export type ToHost =
  /** The first message. */
  | { readonly kind: 'open'; readonly database: HostDatabase }
  | { readonly kind: 'run'; readonly task: string; readonly claimed: ClaimedTask }
  /** To the run there is. */
  | { readonly kind: 'abort'; readonly reason: WireError }
  | { readonly kind: 'answer'; readonly answer: DatabaseAnswer }
  /** Close everything and end. */
  | { readonly kind: 'end' };

export type FromHost =
  | { readonly kind: 'ready' }
  /** It cannot run anything; it ends by itself. */
  | { readonly kind: 'unusable'; readonly error: WireError }
  | { readonly kind: 'entered' }
  /** JSON text. */
  | { readonly kind: 'progress'; readonly progress: string }
  | { readonly kind: 'ended'; readonly ended: { readonly result: string } | { readonly error: WireError } }
  | { readonly kind: 'request'; readonly request: DatabaseRequest };
