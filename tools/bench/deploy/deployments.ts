/** A deployment as the benchmark sees it, by either door: brought up, scaled, looked at, taken away. */
import type { ApiClient } from '../../../test/infra/harness/api-client.ts';
import { composeDeployment } from '../../../test/infra/harness/compose.ts';
import { stackDeployment } from '../../../test/infra/harness/stack.ts';

export const topologies = ['standalone', 'sentinel', 'cluster'] as const;
export type Topology = (typeof topologies)[number];
export const doors = ['compose', 'cdktf'] as const;
export type DoorName = (typeof doors)[number];

export interface Deployment extends AsyncDisposable {
  /** From nothing, with one worker; comes back when the door says that it is up. */
  up(): Promise<void>;
  scale(workers: number): Promise<void>;
  api(): Promise<ApiClient>;
  /** Ids of all containers, those that have ended among them. */
  containers(): Promise<readonly string[]>;
}

/** Everything that is made ahead is made: what a reader has who ran tools/setup. Nothing is started. */
export async function prepareDeployment(door: DoorName, topology: Topology): Promise<Deployment> {
  if (door === 'compose') {
    const deployment = await composeDeployment({ topology });
    return {
      up: () => deployment.up(),
      scale: (workers) => deployment.up('--scale', `worker=${workers}`),
      api: () => deployment.api(),
      containers: async () => (await deployment.containers()).map(({ ID }) => ID),
      [Symbol.asyncDispose]: () => deployment[Symbol.asyncDispose](),
    };
  }
  const deployment = await stackDeployment({ stack: topology });
  return {
    up: () => deployment.deployed(),
    scale: (workers) => deployment.deployed('--var', `worker_replicas=${workers}`),
    api: () => deployment.api(),
    containers: async () => [...(await deployment.containers()).values()],
    [Symbol.asyncDispose]: () => deployment[Symbol.asyncDispose](),
  };
}
