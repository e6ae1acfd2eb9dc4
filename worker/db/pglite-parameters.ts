/** What Postgres is started with inside PGlite, so that it fits beside a worker. */

/**
 * Postgres' own default of 128 MB fills up within a minute of indexing and is never given back. The files' pages are in the
 * system's cache anyway: with a quarter of it inserts and HNSW builds took no longer, and 130 MB less stayed resident.
 */
const sharedBuffers = '32MB';

/** PGlite's own parameters and ours behind them. @param defaults `PGlite.defaultStartParams` */
export function startParameters(defaults: readonly string[]): string[] {
  return [...defaults, '-c', `shared_buffers=${sharedBuffers}`];
}
