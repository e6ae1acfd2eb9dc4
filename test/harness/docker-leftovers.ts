import { hostname } from 'node:os';
import { getContainerRuntimeClient } from 'testcontainers';
import { processLives } from './processes.ts';

const ownerLabel = 'millrace.test.owner';
/** Process ids are used again; no suite runs this long, so an older container is nobody's. */
const oldestSuiteMs = 2 * 60 * 60 * 1000;

/** Put on every container of the harness: which test process, on which host, it belongs to. */
export function ownerLabels(): Record<string, string> {
  return { [ownerLabel]: `${hostname()}/${process.pid}` };
}

/** Removes containers (and their anonymous volumes) whose test process has died, by their label; no others. */
export async function removeDockerLeftovers(): Promise<void> {
  const { container } = await getContainerRuntimeClient();
  const ours = await container.dockerode.listContainers({ all: true, filters: { label: [ownerLabel] } });
  const leftovers = ours.filter(({ Labels, Created }) => {
    const [host, pid] = (Labels[ownerLabel] ?? '').split('/');
    if (host !== hostname()) return false;
    return !processLives(Number(pid)) || Date.now() - Created * 1000 > oldestSuiteMs;
  });
  for (const { Id } of leftovers) {
    await container.dockerode
      .getContainer(Id)
      .remove({ force: true, v: true })
      .catch((error: { statusCode?: number }) => {
        // 404, 409: another suite is removing it at the same time.
        if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
      });
  }
}
