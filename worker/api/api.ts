/** The HTTP API: one family of routes a plugin, under one roof of auth, limits and problems. */
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import { validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { TaskReader, TaskWatcher } from '../runtime/index.ts';
import type { Logger } from '../telemetry/logger.ts';
import { installAuth } from './auth.ts';
import { installClosing } from './closing.ts';
import type { ApiDeps } from './deps.ts';
import { installHttpMetrics } from './http-metrics.ts';
import { installWebSocket, mayUpgrade } from './live/install-websocket.ts';
import { Places } from './live/places.ts';
import { installOpenApi, serveOpenApi } from './openapi.ts';
import { setOwnHeaders } from './own-headers.ts';
import { answerMalformedHttp, answerUnknownAddress, installProblems, sendProblem } from './problems/install.ts';
import { installRateLimit } from './rate-limit.ts';
import { requestIdOf } from './request-id.ts';
import { datasetRoutes } from './routes/datasets.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { documentCreateRoutes } from './routes/document-create.ts';
import { documentProcessingRoutes } from './routes/document-processing.ts';
import { documentRoutes } from './routes/documents.ts';
import { eventRoutes } from './routes/events.ts';
import { flowRoutes } from './routes/flows.ts';
import { healthRoutes } from './routes/health.ts';
import { inspectRoutes } from './routes/inspect.ts';
import { queueRoutes } from './routes/queues.ts';
import { retrieveRoutes } from './routes/retrieve.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { taskEventRoutes } from './routes/task-events.ts';
import { taskRoutes } from './routes/tasks.ts';
import { whyRoutes } from './routes/why.ts';
import { workerRoutes } from './routes/workers.ts';
import { wsRoutes } from './routes/ws.ts';

const bodyLimitBytes = 1024 * 1024;
/** A whole upload: 200 MB within it are 350 KB a second. */
const requestTimeoutMs = 600_000;
const headersTimeoutMs = 30_000;
/** Silence on a connection; above the longest poll (60 s) and the heartbeat of event streams (15 s). */
const connectionTimeoutMs = 120_000;
/** Above what proxies keep (usually 60 s), so that none meets a connection that has just closed. */
const keepAliveTimeoutMs = 75_000;

const families = [
  taskRoutes,
  taskEventRoutes,
  eventRoutes,
  wsRoutes,
  flowRoutes,
  queueRoutes,
  whyRoutes,
  inspectRoutes,
  deadLetterRoutes,
  workerRoutes,
  scheduleRoutes,
  datasetRoutes,
  documentCreateRoutes,
  documentRoutes,
  documentProcessingRoutes,
  retrieveRoutes,
];

/** What fastify tells of itself at `info` is where it listens; the caller says that once, in its own words. */
const quieter = (log: Logger): Logger => (log.level === 'info' ? log.child({}, { level: 'warn' }) : log);

/** Builds the API; the caller lets it listen. `close()` ends event streams and long polls, and waits for the other requests. */
export async function createApi(deps: ApiDeps): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: quieter(deps.log) as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: bodyLimitBytes,
    requestTimeout: requestTimeoutMs,
    connectionTimeout: connectionTimeoutMs,
    keepAliveTimeout: keepAliveTimeoutMs,
    http: { headersTimeout: headersTimeoutMs, shouldUpgradeCallback: mayUpgrade },
    trustProxy: false,
    // answered by `installClosing`, in the shape of the other problems
    return503OnClosing: false,
    // kept for the payload check, which names the field
    onProtoPoisoning: 'ignore',
    onConstructorPoisoning: 'ignore',
    genReqId: requestIdOf,
    frameworkErrors: (error, request, reply) => {
      // no hook runs for these
      setOwnHeaders(request, reply);
      sendProblem(error, request, reply);
    },
    clientErrorHandler: answerMalformedHttp,
  }).withTypeProvider<ZodTypeProvider>();

  app.setValidatorCompiler(validatorCompiler);
  // answers are typed where they are made: checking them again could only turn an accepted task into an error
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  app.removeContentTypeParser('text/plain');
  await installWebSocket(app);
  installProblems(app);
  app.addHook('onRequest', async (request, reply) => {
    setOwnHeaders(request, reply);
  });
  const closing = installClosing(app);
  const reader = new TaskReader(deps.db, deps.notDurable);
  const watcher = new TaskWatcher({ hub: deps.hub, reader, log: deps.log });
  const shared = { ...deps, places: new Places(), reader, watcher };
  installHttpMetrics(app, deps.metrics);
  await installOpenApi(app, deps.version);
  await app.register(healthRoutes(deps));
  await app.register(
    async (v1) => {
      installAuth(v1, deps.db);
      await installRateLimit(v1, deps.settings.rateLimit);
      // of its own, so that addresses below /v1 are answered to those with a key only
      v1.setNotFoundHandler(answerUnknownAddress);
      for (const routes of families) await v1.register(routes(shared, closing));
    },
    { prefix: '/v1' },
  );
  serveOpenApi(app);
  await app.ready();
  return app;
}
