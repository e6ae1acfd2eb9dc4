/** `/healthz`, `/readyz` and `/metrics` for processes that have no API. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Registry } from 'prom-client';
import { StartError } from '../errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { askReadiness } from './health.ts';
import { problemKinds } from './problems/catalogue.ts';
import type { ProblemJson } from './types/common.ts';
import type { ReadinessJson } from './types/operations.ts';

export interface HealthServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly readiness: () => Promise<ReadinessJson>;
  readonly metrics: Registry;
  readonly log: Logger;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

const requestTimeoutMs = 10_000;
/** Probes and scrapers are few. */
const maxConnections = 100;

/** @throws StartError `health_port_taken` */
export async function startHealthServer({
  host,
  port,
  readiness,
  metrics,
  log,
}: HealthServerOptions): Promise<HealthServer> {
  const answer = async (path: string): Promise<{ status: number; type: string; body: string }> => {
    const json = (status: number, value: unknown, type = 'application/json; charset=utf-8') => ({
      status,
      type,
      body: JSON.stringify(value),
    });
    if (path === '/healthz') return json(200, { status: 'ok' });
    if (path === '/readyz') {
      const ready = await askReadiness(readiness);
      return json(ready.ready ? 200 : 503, ready);
    }
    if (path === '/metrics') return { status: 200, type: metrics.contentType, body: await metrics.metrics() };
    const problem: ProblemJson = {
      code: 'not_found',
      ...problemKinds.not_found,
      detail: 'This process serves /healthz, /readyz and /metrics.',
      instance: '',
    };
    return json(404, problem, 'application/problem+json');
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    request.resume();
    const { status, type, body } = await answer((request.url ?? '').split('?', 1)[0] ?? '');
    response
      .writeHead(status, { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
      .end(request.method === 'HEAD' ? '' : body);
  };

  const server = createServer(
    { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs },
    (request, response) => {
      serve(request, response).catch((error: unknown) => {
        log.error({ err: error }, 'a health request failed');
        response.destroy();
      });
    },
  );
  server.maxConnections = maxConnections;
  server.timeout = requestTimeoutMs;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new StartError({
          code: 'health_port_taken',
          message: `Cannot listen on ${host}:${port} for /healthz, /readyz and /metrics.`,
          hint: 'Another process has the port: set HEALTH_PORT to another, or to 0 for any.',
          cause,
        }),
      ),
    );
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
