/** All containers of a deployment stopped, and started in another order with other addresses. */
import { randomOf } from '../../harness/random.ts';
import type { ComposeDeployment } from './compose.ts';
import { docker, dockerLines } from './docker.ts';

const stopTimeoutMs = 180_000;

/** `items` in the order that the seed gives. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = randomOf(seed);
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** Returns the services in the order in which they were started; await what they do afterwards. */
export async function restartShuffled(deployment: ComposeDeployment, seed: number): Promise<readonly string[]> {
  const listed = await deployment.containers();
  const running = listed.filter(({ State }) => State === 'running').sort((a, b) => (a.Service < b.Service ? -1 : 1));
  const ids = running.map(({ ID }) => ID);
  await docker(['stop', '--time', '30', ...ids], { timeoutMs: stopTimeoutMs });
  // whoever starts first takes the lowest address: these take it, so that nobody gets the one it had
  const image = (await docker(['inspect', '--format', '{{.Config.Image}}', ids[0] ?? ''])).trim();
  const holders = await Promise.all(
    [1, 2].map(async (n) => {
      const name = `${deployment.project}-holder-${n}`;
      const network = `${deployment.project}_data`;
      await docker(['run', '--detach', '--name', name, '--network', network, '--entrypoint', 'sleep', image, '300']);
      return name;
    }),
  );
  try {
    const order = shuffled(running, seed);
    for (const { ID } of order) await docker(['start', ID]);
    return order.map(({ Service }) => Service);
  } finally {
    await docker(['rm', '--force', ...holders]);
  }
}

/** Addresses of its containers, by name. */
export async function addresses(deployment: ComposeDeployment): Promise<ReadonlyMap<string, string>> {
  const ids = await dockerLines('ps', '--quiet', '--filter', `label=com.docker.compose.project=${deployment.project}`);
  const format = '{{.Name}}={{range .NetworkSettings.Networks}}{{.IPAddress}},{{end}}';
  const lines = await dockerLines('inspect', '--format', format, ...ids);
  return new Map(lines.map((line) => [line.split('=')[0] ?? '', line.split('=')[1] ?? '']));
}
