/** The containers of a deployment, as Docker tells of them, against the benchmark; and what is let through, with the reason. */
import { type Exception, faultsOf, type Inspected, type Service } from '../images/posture.ts';
import { docker } from './docker.ts';

const oneShots = new Set(['init_permissions', 'secrets', 'migrate', 'redis_cluster_init', 'doctor']);
const isOurs = ({ Config }: Inspected) => /(?:^|\/)(?:worker|squid):/.test(Config.Image);

const always: readonly Exception[] = [
  {
    item: '4.1',
    lets: ({ name }) => name === 'init_permissions' || name === 'secrets',
    reason: 'they hand folders and files to the users of the others, have no network, and end',
  },
  {
    item: '4.6',
    lets: (_, container) => !isOurs(container),
    reason: 'images of Redis and Postgres have none: the kit gives each container its own (5.27)',
  },
  {
    item: '5.27',
    lets: ({ oneShot }) => oneShot,
    reason: 'they run to their end, and what waits for them asks how they ended',
  },
  {
    item: '5.15',
    lets: ({ oneShot }, { HostConfig }) => !oneShot && HostConfig.RestartPolicy.Name === 'unless-stopped',
    reason:
      'after a power cut services come up in any order and try until what they need is there; matrix/engine-restart.test.ts',
  },
];

const inspect = async <T>(...args: readonly string[]): Promise<T[]> => JSON.parse(await docker(['inspect', ...args]));

/** What is wrong with these containers, one a line. @param ids or names */
export async function postureFaults(ids: readonly string[]): Promise<readonly string[]> {
  const containers = await inspect<Inspected & { readonly Image: string }>(...ids);
  const images = await inspect<{ readonly Id: string; readonly Config: Inspected['Config'] }>(
    '--type',
    'image',
    ...new Set(containers.map(({ Image }) => Image)),
  );
  const checks = new Map(images.map(({ Id, Config }) => [Id, Config.Healthcheck]));
  const pairs = containers.map((container): [Service, Inspected] => {
    const { Labels } = container.Config;
    const name = Labels['com.docker.compose.service'] ?? Labels['com.millrace.service'] ?? container.Name;
    return [
      { name, oneShot: oneShots.has(name) },
      { ...container, ImageHealthcheck: checks.get(container.Image) },
    ];
  });
  return faultsOf(pairs, always);
}
