/** For probes and scrapers: open to all, without a key. */

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { ApiDeps } from '../deps.ts';
import { askReadiness } from '../health.ts';
import { readinessSchema } from '../schemas/operations.ts';

export const healthRoutes =
  ({ readiness, metrics }: Pick<ApiDeps, 'readiness' | 'metrics'>): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/healthz',
      {
        schema: {
          tags: ['process'],
          summary: 'Alive',
          security: [],
          response: { 200: z.object({ status: z.literal('ok') }) },
        },
      },
      async () => ({ status: 'ok' as const }),
    );

    app.get(
      '/readyz',
      {
        schema: {
          tags: ['process'],
          summary: 'Makes progress',
          security: [],
          response: { 200: readinessSchema, 503: readinessSchema },
        },
      },
      async (_request, reply) => {
        const answer = await askReadiness(readiness);
        return reply.code(answer.ready ? 200 : 503).send(answer);
      },
    );

    app.get(
      '/metrics',
      {
        schema: {
          tags: ['process'],
          summary: 'Metrics, as Prometheus reads them',
          security: [],
          response: { 200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } } },
        },
      },
      async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()),
    );
  };
