/** The beat's public face. */
export { type Beat, type BeatOptions, startBeat } from './beat.ts';
