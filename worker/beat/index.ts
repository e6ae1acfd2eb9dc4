/** The beat's public face. */
export { type Beat, type BeatOptions, startBeat } from './beat.ts';
/** Statements of the lead, for suites that run them against each other on real databases. */
export * as lead from './lease.ts';
