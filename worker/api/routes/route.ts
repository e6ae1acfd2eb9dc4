/** What a family of routes is: a fastify plugin made from the dependencies. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { TaskReader, TaskWatcher } from '../../runtime/index.ts';
import type { Closing } from '../closing.ts';
import type { ApiDeps } from '../deps.ts';
import type { Places } from '../live/places.ts';

/** The dependencies of the API, and what its routes share. */
export interface RouteDeps extends ApiDeps {
  /** Of event streams and WebSockets. */
  readonly places: Places;
  /** Of tasks of both kinds. */
  readonly reader: TaskReader;
  readonly watcher: TaskWatcher;
}

export type Routes = (deps: RouteDeps, closing: Closing) => FastifyPluginAsyncZod;
