/** What every construct of one stack shares: names, folders, networks. */
import { isAbsolute } from 'node:path';
import {
  Construct,
  DataDockerImage,
  DockerProvider,
  Image,
  Network,
  TerraformLocal,
  type TerraformStack,
} from '../cdktf.ts';

/** `edge` reaches the outside; the other two are internal. */
export const networkNames = ['edge', 'data', 'ssrf_proxy_network'] as const;
export type NetworkName = (typeof networkNames)[number];

export interface SystemProps {
  /** Name of the stack; containers, networks and volumes are called `<project>-<name>-…`. */
  readonly name: string;
  /** Address of Docker Engine, as in DOCKER_HOST. @default the provider's own: DOCKER_HOST, else the local socket */
  readonly dockerHost?: string;
  /** First part of every name, so that two systems can stand beside each other. */
  readonly project: string;
  /** Images that are built on this machine: looked up there, and pulled from nowhere. @default none */
  readonly builtHere?: readonly string[];
  /** False where servers of one's own are reached from the network `data`. @default true */
  readonly dataInternal?: boolean;
  /** What else than the stack shapes what stands in a volume, by volume: who mounts one is replaced with it. @default nothing */
  readonly revisions?: Readonly<Record<string, readonly string[]>>;
  /** The checkout, seen from the folder that Terraform works in (`cdktf.out/stacks/<name>`): no path of a machine is synthesised. */
  readonly checkout: string;
}

/** The provider's bindings are made from 3.x; what the stacks use of them is the same in this one. */
const providerVersion = '~> 4.6';

/** Networks, images and the Docker provider of one stack. */
export class System extends Construct {
  readonly #prefix: string;
  /** Relative, from where Terraform works. */
  readonly checkout: string;
  /** Labels of everything that this stack makes. */
  readonly labels: readonly { readonly label: string; readonly value: string }[];
  readonly #root: TerraformLocal;
  readonly #networks: ReadonlyMap<NetworkName, Network>;
  readonly #images = new Map<string, string>();
  readonly #builtHere: readonly string[];
  readonly #revisions: Readonly<Record<string, readonly string[]>>;

  constructor(stack: TerraformStack, props: SystemProps) {
    super(stack, 'system');
    this.#builtHere = props.builtHere ?? [];
    this.#revisions = props.revisions ?? {};
    this.#prefix = `${props.project}-${props.name}`;
    this.checkout = `\${path.module}/${props.checkout}`;
    this.labels = [{ label: 'com.millrace.stack', value: this.#prefix }];
    new DockerProvider(this, 'docker', props.dockerHost === undefined ? {} : { host: props.dockerHost });
    stack.addOverride('terraform.required_providers.docker.version', providerVersion);
    this.#root = new TerraformLocal(stack, 'checkout', `\${abspath("${this.checkout}")}`);
    this.#networks = new Map(
      networkNames.map((network) => [
        network,
        new Network(this, network, {
          name: this.nameOf(network),
          driver: 'bridge',
          internal: network === 'data' ? (props.dataInternal ?? true) : network !== 'edge',
          labels: [...this.labels],
        }),
      ]),
    );
  }

  /** The Engine's name for a service, network or volume of this stack. */
  nameOf(part: string): string {
    return `${this.#prefix}-${part}`;
  }

  /** Absolute path of what stands in the checkout, when Terraform runs; what is absolute stays. */
  path(relative: string): string {
    return isAbsolute(relative) ? relative : `\${${this.#root.fqn}}/${relative}`;
  }

  /** Hash of files of the checkout, taken when Terraform plans. */
  hashOfFiles(relative: readonly string[]): string {
    const one = (path: string) => `filesha256("\${${this.#root.fqn}}/${path}")`;
    return `\${sha256(join(" ", [${relative.map(one).join(', ')}]))}`;
  }

  /** Those of all these volumes, each once. */
  revisionsOf(volumes: readonly string[]): readonly string[] {
    return [...new Set(volumes.flatMap((volume) => this.#revisions[volume] ?? []))];
  }

  network(name: NetworkName): string {
    const network = this.#networks.get(name);
    if (network === undefined) throw new Error(`no network ${name}`);
    return network.name;
  }

  /** The id of an image as it stands now: a tag that is built or pulled anew replaces the containers that use it. */
  image(reference: string): string {
    const id = this.#images.get(reference) ?? this.#newImage(reference);
    this.#images.set(reference, id);
    return id;
  }

  #newImage(reference: string): string {
    const id = reference.replaceAll(/[^\w]+/g, '_');
    // Terraform shows the name of what it did not find: it says who builds it.
    if (this.#builtHere.includes(reference))
      return new DataDockerImage(this, `built_by_tools_setup_for_kit_${id}`, { name: reference }).id;
    return new Image(this, `image_${id}`, { name: reference, keepLocally: true }).imageId;
  }
}
