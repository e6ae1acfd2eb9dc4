/** The scenarios by name. */
import type { ScenarioName } from '../settings.ts';
import { indexing } from './indexing.ts';
import { latency } from './latency.ts';
import { scaling } from './scaling.ts';
import type { Scenario } from './scenario.ts';
import { smoke } from './smoke.ts';
import { throughput } from './throughput.ts';

export const scenarios: Readonly<Record<ScenarioName, Scenario>> = { smoke, throughput, latency, indexing, scaling };
