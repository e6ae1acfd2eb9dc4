/** One service of the kit: its container (or containers), hardened, and the gate that whoever depends on it waits at. */
import { createHash } from 'node:crypto';
import { Construct, Container, DataResource, TerraformCount } from '../cdktf.ts';
import { checkService } from './service-checks.ts';
import type { FolderMount, Gated, ServiceProps, VolumeMount } from './service-props.ts';
import type { System } from './system.ts';

const healthTiming = { interval: '5s', timeout: '5s', startPeriod: '1m0s', retries: 6 } as const;
const defaultGateSeconds = 300;

function mountOf(system: System, mount: VolumeMount | FolderMount) {
  if ('volume' in mount) {
    return {
      type: 'volume',
      source: system.nameOf(mount.volume),
      target: mount.target,
      readOnly: mount.readOnly ?? false,
    };
  }
  return { type: 'bind', source: system.path(mount.path), target: mount.target, readOnly: !(mount.writable ?? false) };
}

/** A one-shot has none, also where its image brings one. */
const healthOf = ({ health }: Pick<ServiceProps, 'health'>) => ({
  test: health === undefined ? ['NONE'] : ['CMD', ...health],
  ...healthTiming,
});

/** As the provider reads it back: `1.0`, `0.25`. */
const decimal = (value: number) => (Number.isInteger(value) ? value.toFixed(1) : String(value));

export class Service extends Construct implements Gated {
  readonly props: ServiceProps;
  readonly container: Container;
  readonly gate: DataResource;

  /** @throws StartError `stack_invalid` when the props do not make sense */
  constructor(system: System, props: ServiceProps) {
    super(system.node.scope ?? system, props.service);
    checkService(props);
    this.props = props;
    const oneShot = props.health === undefined;
    // A name without a dot is one of the stack's: nobody outside is asked for it, which takes 10 s on an internal network.
    const dnsOptions = [...(props.dnsOptions ?? (oneShot ? [] : ['ndots:1']))];
    const count = props.replicas === undefined ? undefined : TerraformCount.of(props.replicas.numberValue);
    const name = system.nameOf(props.service);
    const configuration = props.configuration ?? [];
    const volumes = (props.mounts ?? []).flatMap((mount) => ('volume' in mount ? [mount.volume] : []));
    const revisions = system.revisionsOf(volumes);

    this.container = new Container(this, 'container', {
      ...(count === undefined ? { name } : { count, name: `${name}-\${count.index}` }),
      image: system.image(props.image),
      ...(props.entrypoint === undefined ? {} : { entrypoint: [...props.entrypoint] }),
      ...(props.command === undefined ? {} : { command: [...props.command] }),
      user: props.user,
      // An empty variable counts as unset.
      env: Object.entries(props.environment ?? {})
        .filter(([, value]) => value !== '')
        .map(([key, value]) => `${key}=${value}`),
      ...(props.networks.length === 0
        ? { networkMode: 'none' }
        : {
            networkMode: 'bridge',
            networksAdvanced: props.networks.map((network) => ({
              name: system.network(network),
              aliases: [props.service, ...(props.aliases ?? [])],
            })),
          }),
      ...(dnsOptions.length === 0 ? {} : { dnsOpts: dnsOptions }),
      mounts: (props.mounts ?? []).map((mount) => mountOf(system, mount)),
      tmpfs: { '/tmp': `size=${props.temporaryMegabytes ?? 64}m`, ...props.tmpfs },
      healthcheck: healthOf(props),
      ...(props.publish === undefined
        ? {}
        : {
            ports: [
              { ip: props.publish.address, external: props.publish.hostPort, internal: props.publish.containerPort },
            ],
          }),
      memory: props.memoryMegabytes,
      // Docker's own default, said, since the provider sees a difference otherwise: as much swap as memory.
      memorySwap: props.memoryMegabytes * 2,
      cpus: decimal(props.cpus),
      ...(props.sharedMemoryMegabytes === undefined ? {} : { shmSize: props.sharedMemoryMegabytes }),
      capabilities: { drop: ['ALL'], add: (props.capabilities ?? []).map((capability) => `CAP_${capability}`) },
      securityOpts: ['no-new-privileges:true'],
      readOnly: true,
      init: props.init ?? false,
      logDriver: 'json-file',
      logOpts: { 'max-size': '10m', 'max-file': '3' },
      // A one-shot is made and not started: its gate starts it, once its pids limit stands.
      ...(oneShot ? { restart: 'no', start: false, mustRun: false } : { restart: 'unless-stopped' }),
      stopTimeout: props.stopGraceSeconds,
      destroyGraceSeconds: props.stopGraceSeconds,
      labels: [
        ...system.labels,
        { label: 'com.millrace.service', value: props.service },
        // What the provider overlooks when it changes alone (a health check, a file behind a mount) changes this label.
        { label: 'com.millrace.definition', value: definitionHash(props) },
        ...(configuration.length === 0
          ? []
          : [{ label: 'com.millrace.configuration', value: system.hashOfFiles(configuration) }]),
        // Secrets are read when a container starts, and written by a one-shot that this starts anew.
        ...(revisions.length === 0 ? [] : [{ label: 'com.millrace.secrets', value: revisions.join(' ') }]),
      ],
      dependsOn: (props.after ?? []).map(({ gate }) => gate),
    });

    const id = count === undefined ? this.container.id : `\${${this.container.fqn}[count.index].id}`;
    this.gate = new DataResource(this, 'gate', {
      ...(count === undefined ? {} : { count }),
      triggersReplace: [id, String(props.pids)],
      provisioners: [
        {
          type: 'local-exec',
          workingDir: system.checkout,
          command: [
            'tools/run node stacks/gate.ts',
            `--container ${id}`,
            `--expect ${oneShot ? 'completed' : 'healthy'}`,
            `--pids ${props.pids}`,
            `--timeout ${props.gateSeconds ?? defaultGateSeconds}`,
          ].join(' '),
        },
      ],
    });
  }
}

/** Of the props that are plain data; references to other resources change the container by themselves, and the gate minds its own. */
function definitionHash({
  after: _after,
  replicas: _replicas,
  gateSeconds: _gate,
  pids: _pids,
  ...plain
}: ServiceProps): string {
  return createHash('sha256')
    .update(JSON.stringify({ ...plain, health: healthOf(plain) }))
    .digest('hex')
    .slice(0, 16);
}
