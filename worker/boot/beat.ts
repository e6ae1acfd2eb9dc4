/** The part of a process that fires schedules, in modes `beat` and `all`. */
import { hostname } from 'node:os';
import type { Registry } from 'prom-client';
import { startBeat } from '../beat/index.ts';
import type { Config } from '../config/config.ts';
import type { Database } from '../db/index.ts';
import type { Enqueuer, TaskRegistry } from '../runtime/index.ts';
import { defaultTenantId } from '../services/tenants/tenants.ts';
import { createSchedules } from '../tasks/schedules.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface BeatParts {
  readonly config: Config;
  readonly db: Database;
  readonly enqueuer: Enqueuer;
  readonly registry: TaskRegistry;
  readonly metrics: Registry;
  readonly log: Logger;
}

/** @throws StartError `schedules_invalid` */
export async function startBeatIn({ config, ...parts }: BeatParts, stack: AsyncDisposableStack): Promise<void> {
  const beat = await startBeat({
    ...parts,
    schedules: createSchedules(config.beat),
    tenantId: defaultTenantId,
    name: `${hostname()}:${process.pid}`,
    keepSlotsSeconds: config.resultTtlSeconds,
    alone: config.database === undefined,
  });
  stack.defer(() => beat.stop());
}
