/** How long requests take, by route. */
import type { FastifyInstance } from 'fastify';
import { Histogram, type Registry } from 'prom-client';

const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60];

export const createHttpDuration = (registry: Registry) =>
  new Histogram({
    name: 'millrace_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer. Event streams count with their whole length.',
    labelNames: ['method', 'route', 'status'] as const,
    buckets,
    registers: [registry],
  });

export function installHttpMetrics(app: FastifyInstance, registry: Registry): void {
  const duration = createHttpDuration(registry);
  app.addHook('onResponse', async (request, reply) => {
    // the pattern, not the path: ids would make a series each
    const route = request.routeOptions.url ?? 'unknown';
    duration.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
  });
}
