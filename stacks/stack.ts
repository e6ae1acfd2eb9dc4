/** One stack: the whole system on one topology of Redis. */
import { isAbsolute, join, relative } from 'node:path';
import { StartError } from '../worker/errors.ts';
import { NamedBackend } from './backend.ts';
import { Aspects, type Construct, LocalBackend, TerraformOutput, TerraformStack, TerraformVariable } from './cdktf.ts';
import { Api } from './constructs/api.ts';
import { Beat } from './constructs/beat.ts';
import { Doctor } from './constructs/doctor.ts';
import type { ExternalServers } from './constructs/external-servers.ts';
import { Migrations } from './constructs/migrations.ts';
import { Observability } from './constructs/observability.ts';
import { Postgres } from './constructs/postgres.ts';
import { Posture } from './constructs/posture.ts';
import type { Redis, RedisProps, Topology } from './constructs/redis.ts';
import { RedisCluster } from './constructs/redis-cluster.ts';
import { RedisSentinel } from './constructs/redis-sentinel.ts';
import { RedisStandalone } from './constructs/redis-standalone.ts';
import { InitPermissions, Secrets } from './constructs/secrets.ts';
import type { Gated } from './constructs/service-props.ts';
import { SsrfProxy } from './constructs/ssrf-proxy.ts';
import { System } from './constructs/system.ts';
import { WorkerPool } from './constructs/worker-pool.ts';
import { environmentFile, filesBelow } from './files.ts';
import { type GivenSecrets, revisionsOf } from './revisions.ts';
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

/** `external`: Redis and Postgres are an operator's own. */
export type StackName = Topology | 'external';
export const stackNames: readonly StackName[] = [...topologies, 'external'];

/** Who has a volume of secrets. */
const consumers = ['api', 'worker', 'beat', 'migrate', 'postgres', 'redis', 'sentinel', 'producer', 'metrics'];

/** `worker` serves the first when pools are apart. */
const pools = { worker: 'interactive', worker_ingest: 'ingest', worker_background: 'background', worker_ai: 'ai' };

export interface MillraceStackProps {
  readonly name: StackName;
  readonly settings: Settings;
  readonly given: GivenSecrets;
  /** Absolute path of the checkout. */
  readonly root: string;
  /** Absolute path of the folder that is synthesised to. */
  readonly outputFolder: string;
}

export class MillraceStack extends TerraformStack {
  readonly #props: MillraceStackProps;

  /** @throws StartError `stack_setting` when the stack is `external` and the settings name no servers */
  constructor(scope: Construct, props: MillraceStackProps) {
    const { name, settings, given, root } = props;
    super(scope, name);
    this.#props = props;
    const checkout = relative(join(props.outputFolder, 'stacks', name), root);
    keepState(this, settings, name, checkout);
    const system = new System(this, {
      name,
      project: settings.project,
      checkout,
      builtHere: settings.builtHere,
      dataInternal: name !== 'external',
      revisions: revisionsOf({ external: name === 'external', tls: settings.tls, given }),
      ...(settings.dockerHost === undefined ? {} : { dockerHost: settings.dockerHost }),
    });
    const { worker: image, squid } = settings.images;
    const volumes = name === 'external' ? [] : ['postgres_data', ...kinds[name].volumes];
    const permissions = new InitPermissions(system, {
      image,
      volumes: ['storage', 'logs', ...volumes, ...(settings.prometheus === undefined ? [] : ['prometheus_data'])],
      configuration: this.#filesOf('init'),
    });
    const databaseTls = settings.external?.database.MILLRACE_DB_SSL_MODE;
    const secrets = new Secrets(system, {
      image,
      topology: name,
      tls: settings.tls,
      ...(name === 'external' && databaseTls ? { databaseTls } : {}),
      consumers,
      keyFolder: settings.keyFolder,
    });
    const proxy = new SsrfProxy(system, {
      image: squid,
      allow: settings.proxyAllow,
      configuration: this.#filesOf('squid'),
    });
    const { ready, environment, servers } =
      name === 'external'
        ? this.#external(system, permissions, secrets, proxy)
        : this.#deployed(system, name, [permissions, secrets], secrets);
    this.#processes(system, { ready, environment, servers, outer: [permissions, ...ready, proxy] });
    if (settings.prometheus !== undefined) {
      const configuration = this.#filesOf('observability');
      new Observability(system, { ...settings.prometheus, configuration, after: [permissions] });
    }
    Aspects.of(this).add(new Posture());
  }

  #filesOf(folder: string): readonly string[] {
    return filesBelow(this.#props.root, `compose/${folder}`);
  }

  /** What compose/env/ says of where Redis is. */
  #whereRedisIs(): Readonly<Record<string, string>> {
    const { root, name, settings } = this.#props;
    return {
      ...environmentFile(root, `compose/env/${name}.env`),
      ...environmentFile(root, `compose/env/tls-${settings.tls}.env`),
    };
  }

  /** Redis and Postgres of the kit's. */
  #deployed(system: System, topology: Topology, prepared: readonly Gated[], secrets: Gated): Ground {
    const { settings } = this.#props;
    const database = new Postgres(system, {
      image: settings.images.postgres,
      maxConnections: settings.postgresMaxConnections,
      ...settings.limits.postgres,
      configuration: this.#filesOf('postgres'),
      after: prepared,
    });
    const redis = new kinds[topology](system, {
      image: settings.images.redis,
      tls: settings.tls,
      ...settings.limits.redis,
      configuration: this.#filesOf('redis'),
      after: prepared,
    });
    const migrations = new Migrations(system, {
      image: settings.images.worker,
      environment: settings.passedOn.migrate,
      after: [...prepared, database],
    });
    return { ready: [secrets, migrations, ...redis.ready], environment: this.#whereRedisIs(), servers: {} };
  }

  /** An operator's own, tried before anything starts. */
  #external(system: System, permissions: Gated, secrets: Gated, proxy: Gated): Ground {
    const { settings } = this.#props;
    const { external, passedOn, limits } = settings;
    if (external === undefined) {
      throw new StartError({
        code: 'stack_setting',
        message: 'The stack `external` expects MILLRACE_TOPOLOGY=external, and where your servers stand.',
        hint: 'Set it in compose/.env.',
      });
    }
    const servers = { servers: external };
    const environment = this.#whereRedisIs();
    const image = settings.images.worker;
    const doctor = new Doctor(system, {
      image,
      environment: { ...environment, ...passedOn.worker },
      ...servers,
      ...limits.worker,
      // storage and embedding endpoints are tried through the proxy
      after: [permissions, secrets, proxy],
    });
    const migrations = new Migrations(system, {
      image,
      environment: passedOn.migrate,
      ...servers,
      after: [permissions, secrets, doctor],
    });
    return { ready: [secrets, doctor, migrations], environment, servers };
  }

  #processes(
    system: System,
    { ready, outer, environment, servers }: Ground & { readonly outer: readonly Gated[] },
  ): void {
    const { name, settings } = this.#props;
    const { passedOn, limits } = settings;
    const image = settings.images.worker;
    const api = new Api(system, {
      image,
      environment: { ...environment, ...passedOn.api },
      ...servers,
      ...limits.api,
      address: settings.apiAddress,
      port: settings.apiPort,
      after: outer,
    });
    for (const [service, pool] of Object.entries(settings.pools ? pools : { worker: undefined })) {
      new WorkerPool(system, {
        image,
        service,
        ...(pool === undefined ? {} : { pool }),
        environment: { ...environment, ...passedOn.worker },
        ...servers,
        ...limits.worker,
        replicas: replicasOf(this, service, settings.replicas[service] ?? 1),
        after: outer,
      });
    }
    new Beat(system, { image, environment: { ...environment, ...passedOn.beat }, ...servers, after: ready });

    const output = (id: string, value: string, description: string) =>
      new TerraformOutput(this, id, { value, description });
    output('api_address', api.url, 'Where the API answers');
    output('api_key', `${settings.keyFolder}/api-key`, 'The file in the checkout with the API key');
    const scale = `worker_replicas = 3 in terraform.tfvars, then: npx cdktf deploy ${name}`;
    output('how_to_scale', scale, 'How to run more workers');
  }
}

/** What the processes stand on. */
interface Ground {
  /** Whose gates come before any process. */
  readonly ready: readonly Gated[];
  readonly environment: Readonly<Record<string, string>>;
  readonly servers: { readonly servers?: ExternalServers };
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
    const folder = isAbsolute(backend.folder) ? backend.folder : `${checkout}/${backend.folder}`;
    new LocalBackend(stack, { path: `${folder}/${project}-${name}.tfstate` });
    return;
  }
  const named = JSON.stringify(backend.configuration).replaceAll('{stack}', `${project}-${name}`);
  const configuration: Readonly<Record<string, unknown>> = JSON.parse(named);
  new NamedBackend(stack, backend.type, configuration);
}
