/** Live progress: events by Redis, ends by the ledger (docs/decisions/0020-live-events.md). */
export { publishStates, removedEvent } from './accepted.ts';
export { isFinal, type LiveEvent } from './event.ts';
export { type ListenOptions, LiveHub } from './hub.ts';
export type { LiveListener, LiveScope } from './listeners.ts';
export { createLiveMetrics, type LiveMetrics } from './metrics.ts';
export { LivePublisher, type LiveSink, noLive } from './publisher.ts';
export { isStreamId, LiveReader } from './reader.ts';
