/** The CIS Docker Benchmark 1.6 over what `docker inspect` says of a container: the items that issue from how it is run. */

interface Healthcheck {
  readonly Test?: readonly string[];
}

export interface Inspected {
  readonly Name: string;
  readonly Config: {
    readonly User: string;
    readonly Image: string;
    readonly Labels: Readonly<Record<string, string>>;
    readonly Healthcheck?: Healthcheck;
  };
  /** Of its image. */
  readonly ImageHealthcheck?: Healthcheck | undefined;
  readonly HostConfig: {
    readonly Privileged: boolean;
    readonly CapAdd: readonly string[] | null;
    readonly CapDrop: readonly string[] | null;
    readonly Memory: number;
    readonly NanoCpus: number;
    readonly CpuShares: number;
    readonly PidsLimit: number | null;
    readonly ReadonlyRootfs: boolean;
    readonly SecurityOpt: readonly string[] | null;
    readonly RestartPolicy: { readonly Name: string; readonly MaximumRetryCount: number };
    readonly NetworkMode: string;
    readonly PidMode: string;
    readonly PortBindings: Readonly<Record<string, readonly { readonly HostIp: string }[] | null>> | null;
  };
  readonly Mounts: readonly { readonly Source: string; readonly RW: boolean }[];
}

export interface Service {
  readonly name: string;
  /** Runs to its end: nothing asks after its health. */
  readonly oneShot: boolean;
}

interface Rule {
  /** Of the benchmark. */
  readonly item: string;
  /** What is wrong with the container, if anything. */
  readonly fault: (container: Inspected, service: Service) => string | undefined;
}

/** Services that a rule lets through, with the reason. */
export interface Exception {
  readonly item: string;
  readonly lets: (service: Service, container: Inspected) => boolean;
  readonly reason: string;
}

const isRoot = (user: string) => /^(?:0|root)?(?::.*)?$/.test(user);
/** The rights a container may take back, by service; all else is dropped. */
const rightsOf: Readonly<Record<string, readonly string[]>> = {
  init_permissions: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'],
  secrets: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'],
};
const bare = (rights: readonly string[] | null) => (rights ?? []).map((right) => right.replace(/^CAP_/, '')).sort();
const isAsked = (check: Healthcheck | undefined) => check?.Test?.[0] !== undefined && check.Test[0] !== 'NONE';
const when = (wrong: boolean, what: string) => (wrong ? what : undefined);

export const rules: readonly Rule[] = [
  { item: '4.1', fault: ({ Config }) => when(isRoot(Config.User), `runs as root (user '${Config.User}')`) },
  {
    item: '4.6',
    fault: ({ ImageHealthcheck }) => when(!isAsked(ImageHealthcheck), 'has an image without a health check'),
  },
  {
    item: '5.4',
    fault: ({ HostConfig }, { name }) => {
      const added = bare(HostConfig.CapAdd).filter((right) => !(rightsOf[name] ?? []).includes(right));
      if (added.length > 0) return `takes back ${added.join(', ')}`;
      return when(!bare(HostConfig.CapDrop).includes('ALL'), 'does not drop all capabilities');
    },
  },
  { item: '5.5', fault: ({ HostConfig }) => when(HostConfig.Privileged, 'is privileged') },
  { item: '5.11', fault: ({ HostConfig }) => when(HostConfig.Memory <= 0, 'has no memory limit') },
  {
    item: '5.12',
    fault: ({ HostConfig }) =>
      when(HostConfig.NanoCpus <= 0 && HostConfig.CpuShares <= 0, 'has no share of processors'),
  },
  { item: '5.13', fault: ({ HostConfig }) => when(!HostConfig.ReadonlyRootfs, 'can write to its root file system') },
  {
    item: '5.14',
    fault: ({ HostConfig }) => {
      const open = Object.entries(HostConfig.PortBindings ?? {}).filter(([, bindings]) =>
        (bindings ?? []).some(({ HostIp }) => HostIp !== '127.0.0.1'),
      );
      return when(open.length > 0, `publishes ${open.map(([port]) => port).join(', ')} beyond 127.0.0.1`);
    },
  },
  {
    item: '5.15',
    fault: ({ HostConfig: { RestartPolicy: policy } }) =>
      when(
        policy.Name !== 'no' && !(policy.Name === 'on-failure' && policy.MaximumRetryCount <= 5),
        `is started again and again (${policy.Name})`,
      ),
  },
  {
    item: '5.22',
    fault: ({ HostConfig }) =>
      when(
        (HostConfig.SecurityOpt ?? []).some((option) => /unconfined/.test(option)),
        'runs without seccomp',
      ),
  },
  {
    item: '5.26',
    fault: ({ HostConfig }) =>
      when(
        !(HostConfig.SecurityOpt ?? []).some((option) => /^no-new-privileges(?:[:=]true)?$/.test(option)),
        'may gain privileges',
      ),
  },
  { item: '5.27', fault: ({ Config }) => when(!isAsked(Config.Healthcheck), 'is not asked for its health') },
  { item: '5.29', fault: ({ HostConfig }) => when((HostConfig.PidsLimit ?? 0) <= 0, 'has no limit of processes') },
  {
    item: '5.32',
    fault: ({ Mounts }) =>
      when(
        Mounts.some(({ Source }) => /docker\.sock$/.test(Source)),
        "mounts Docker's socket",
      ),
  },
  // beyond the list: what would undo the rest
  {
    item: '5.10, 5.16',
    fault: ({ HostConfig }) =>
      when(
        HostConfig.NetworkMode === 'host' || HostConfig.PidMode === 'host',
        "shares the host's network or processes",
      ),
  },
  { item: 'exact tag', fault: ({ Config }) => when(/(?::latest|^[^:]+)$/.test(Config.Image), `runs ${Config.Image}`) },
];

/** `service: item: what is wrong`, one a line; an exception that excuses nothing is a fault itself. */
export function faultsOf(
  containers: readonly (readonly [Service, Inspected])[],
  exceptions: readonly Exception[],
): readonly string[] {
  const unused = new Set(exceptions);
  const faults = containers.flatMap(([service, container]) =>
    rules.flatMap(({ item, fault }) => {
      const what = fault(container, service);
      if (what === undefined) return [];
      const excused = exceptions.find((exception) => exception.item === item && exception.lets(service, container));
      if (excused === undefined) return [`${service.name}: ${item}: ${what}`];
      unused.delete(excused);
      return [];
    }),
  );
  return [...faults, ...[...unused].map(({ item, reason }) => `${item}: is excused (${reason}), and nothing is wrong`)];
}
