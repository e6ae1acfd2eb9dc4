/** All containers of a deployment stopped, and started in another order with other addresses. */
import { randomOf } from '../../harness/random.ts';
import { docker, dockerLines } from './docker.ts';

const stopTimeoutMs = 180_000;

/** A deployment by either door. */
interface Restarted {
  /** Of each of its containers, as `name=value`. */
  readonly label: string;
  /** Where most of them are. */
  readonly dataNetwork: string;
}

/** `items` in the order that the seed gives. */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = randomOf(seed);
  return items
    .map((item) => ({ item, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ item }) => item);
}

/** Names of its containers that run. */
const runningOf = ({ label }: Restarted) => dockerLines('ps', '--filter', `label=${label}`, '--format', '{{.Names}}');

/** Returns the containers in the order in which they were started; await what they do afterwards. */
export async function restartShuffled(deployment: Restarted, seed: number): Promise<readonly string[]> {
  const running = (await runningOf(deployment)).sort();
  await docker(['stop', '--time', '30', ...running], { timeoutMs: stopTimeoutMs });
  // whoever starts first takes the lowest address: these take it, so that nobody gets the one it had
  const image = (await docker(['inspect', '--format', '{{.Config.Image}}', running[0] ?? ''])).trim();
  const holders = await Promise.all(
    [1, 2].map(async (n) => {
      const network = deployment.dataNetwork;
      const name = `${network}-holder-${n}`;
      await docker(['run', '--detach', '--name', name, '--network', network, '--entrypoint', 'sleep', image, '300']);
      return name;
    }),
  );
  try {
    const order = shuffled(running, seed);
    for (const name of order) await docker(['start', name]);
    return order;
  } finally {
    await docker(['rm', '--force', ...holders]);
  }
}

/** Addresses of its containers, by name. */
export async function addresses(deployment: Restarted): Promise<ReadonlyMap<string, string>> {
  const format = '{{.Name}}={{range .NetworkSettings.Networks}}{{.IPAddress}},{{end}}';
  const lines = await dockerLines('inspect', '--format', format, ...(await runningOf(deployment)));
  return new Map(lines.map((line) => [line.split('=')[0] ?? '', line.split('=')[1] ?? '']));
}
