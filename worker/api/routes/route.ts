/** What a family of routes is: a fastify plugin made from the dependencies. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import type { Closing } from '../closing.ts';
import type { ApiDeps } from '../deps.ts';

export type Routes = (deps: ApiDeps, closing: Closing) => FastifyPluginAsyncZod;
