/** Heartbeats of worker processes, as rows in Postgres: how often they come, and from when a process counts as gone. */

export const heartbeatMs = 5000;
/** Three missed ones: a worker is no longer listed. */
export const liveSeconds = 15;
