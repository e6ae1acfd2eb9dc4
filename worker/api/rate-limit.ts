/** Requests a minute and key, counted in this process. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import { ApiError } from './problems/api-error.ts';

const windowMs = 60_000;
/** Keys counted at most; the least used goes first. */
const maxCounted = 10_000;

/** Register after auth. @param perMinute 0 is no limit */
export async function installRateLimit(app: FastifyInstance, perMinute: number): Promise<void> {
  if (perMinute === 0) return;
  await app.register(rateLimit, {
    max: perMinute,
    timeWindow: windowMs,
    cache: maxCounted,
    hook: 'onRequest',
    keyGenerator: (request) => request.keyHash,
    errorResponseBuilder: (_request, { max, after }) =>
      new ApiError({
        code: 'rate_limited',
        message: `This key may send ${max} requests a minute to this process. Nothing was accepted.`,
        hint: `Send again in ${after}; MILLRACE_RATE_LIMIT sets the limit.`,
      }),
  });
}
