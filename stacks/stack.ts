/** One stack: the whole system on one topology of Redis. */
import { join, relative } from 'node:path';
import { NamedBackend } from './backend.ts';
import { Aspects, type Construct, LocalBackend, TerraformOutput, TerraformStack, TerraformVariable } from './cdktf.ts';
import { Api } from './constructs/api.ts';
import { Beat } from './constructs/beat.ts';
import { Migrations } from './constructs/migrations.ts';
import { Postgres } from './constructs/postgres.ts';
import { Posture } from './constructs/posture.ts';
import type { Redis, RedisProps, Topology } from './constructs/redis.ts';
import { RedisCluster } from './constructs/redis-cluster.ts';
import { RedisSentinel } from './constructs/redis-sentinel.ts';
import { RedisStandalone } from './constructs/redis-standalone.ts';
import { InitPermissions, Secrets } from './constructs/secrets.ts';
import { SsrfProxy } from './constructs/ssrf-proxy.ts';
import { System } from './constructs/system.ts';
import { WorkerPool } from './constructs/worker-pool.ts';
import { environmentFile, filesBelow } from './files.ts';
import type { Settings } from './settings.ts';

interface Kind {
  readonly volumes: readonly string[];
  new (system: System, props: RedisProps): Redis;
}

const kinds: Readonly<Record<Topology, Kind>> = {
  standalone: RedisStandalone,
  sentinel: RedisSentinel,
  cluster: RedisCluster,
};

export const topologies: readonly Topology[] = ['standalone', 'sentinel', 'cluster'];

/** Who has a volume of secrets, besides those that a topology adds. */
const consumers = ['api', 'worker', 'beat', 'migrate', 'postgres', 'redis', 'sentinel', 'producer', 'metrics'];

/** `worker` serves the first when pools are apart. */
const pools = { worker: 'interactive', worker_ingest: 'ingest', worker_background: 'background', worker_ai: 'ai' };

export interface MillraceStackProps {
  readonly topology: Topology;
  readonly settings: Settings;
  /** Absolute path of the checkout. */
  readonly root: string;
  /** Absolute path of the folder that is synthesised to. */
  readonly outputFolder: string;
}

export class MillraceStack extends TerraformStack {
  constructor(scope: Construct, props: MillraceStackProps) {
    const { topology, settings, root } = props;
    super(scope, topology);
    const checkout = relative(join(props.outputFolder, 'stacks', topology), root);
    keepState(this, settings, topology, checkout);
    const system = new System(this, {
      name: topology,
      project: settings.project,
      checkout,
      ...(settings.dockerHost === undefined ? {} : { dockerHost: settings.dockerHost }),
    });
    const { worker: image, postgres, redis: redisImage, squid } = settings.images;
    const below = (folder: string) => filesBelow(root, `compose/${folder}`);

    const permissions = new InitPermissions(system, {
      image,
      volumes: ['storage', 'postgres_data', ...kinds[topology].volumes],
      configuration: below('init'),
    });
    const secrets = new Secrets(system, {
      image,
      topology,
      tls: settings.tls,
      consumers,
      keyFolder: settings.keyFolder,
    });
    const prepared = [permissions, secrets];
    const database = new Postgres(system, {
      image: postgres,
      maxConnections: settings.postgresMaxConnections,
      ...settings.limits.postgres,
      configuration: below('postgres'),
      after: prepared,
    });
    const redis = new kinds[topology](system, {
      image: redisImage,
      tls: settings.tls,
      ...settings.limits.redis,
      configuration: below('redis'),
      after: prepared,
    });
    const migrations = new Migrations(system, {
      image,
      environment: settings.passedOn.migrate,
      after: [secrets, database],
    });
    const proxy = new SsrfProxy(system, { image: squid, allow: settings.proxyAllow, configuration: below('squid') });

    const whereRedisIs = {
      ...environmentFile(root, `compose/env/${topology}.env`),
      ...environmentFile(root, `compose/env/tls-${settings.tls}.env`),
    };
    const { passedOn, limits } = settings;
    const ready = [secrets, migrations, ...redis.ready];
    const api = new Api(system, {
      image,
      environment: { ...whereRedisIs, ...passedOn.api },
      ...limits.api,
      address: settings.apiAddress,
      port: settings.apiPort,
      after: [permissions, ...ready, proxy],
    });
    for (const [service, pool] of Object.entries(settings.pools ? pools : { worker: undefined })) {
      const replicas = replicasOf(this, service, settings.workerReplicas);
      new WorkerPool(system, {
        image,
        service,
        ...(pool === undefined ? {} : { pool }),
        environment: { ...whereRedisIs, ...passedOn.worker },
        ...limits.worker,
        replicas,
        after: [permissions, ...ready, proxy],
      });
    }
    new Beat(system, { image, environment: { ...whereRedisIs, ...passedOn.beat }, after: ready });

    new TerraformOutput(this, 'api_address', { value: api.url, description: 'Where the API answers' });
    new TerraformOutput(this, 'api_key', {
      value: `${settings.keyFolder}/api-key`,
      description: 'The file in the checkout with the API key',
    });
    new TerraformOutput(this, 'how_to_scale', {
      value: `worker_replicas = 3 in terraform.tfvars, then: npx cdktf deploy ${topology}`,
      description: 'How to run more workers',
    });
    Aspects.of(this).add(new Posture());
  }
}

function replicasOf(stack: TerraformStack, service: string, preset: number): TerraformVariable {
  const replicas = new TerraformVariable(stack, `${service}_replicas`, {
    type: 'number',
    default: preset,
    nullable: false,
    description: `How many containers of ${service} there are`,
  });
  const condition = `\${${replicas.fqn} == floor(${replicas.fqn}) && ${replicas.fqn} >= 1 && ${replicas.fqn} <= 100}`;
  replicas.addValidation({ condition, errorMessage: `${service}_replicas must be a whole number from 1 to 100.` });
  return replicas;
}

function keepState(stack: TerraformStack, { backend, project }: Settings, name: string, checkout: string): void {
  if ('folder' in backend) {
    new LocalBackend(stack, { path: `${checkout}/${backend.folder}/${project}-${name}.tfstate` });
    return;
  }
  const named = JSON.stringify(backend.configuration).replaceAll('{stack}', `${project}-${name}`);
  const configuration: Readonly<Record<string, unknown>> = JSON.parse(named);
  new NamedBackend(stack, backend.type, configuration);
}
