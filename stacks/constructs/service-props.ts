/** What describes one service of the kit. */
import type { ITerraformDependable, TerraformVariable } from '../cdktf.ts';
import type { NetworkName } from './system.ts';

export interface VolumeMount {
  /** `postgres_data` is the volume `millrace-<stack>-postgres_data`. It is no resource of the stack: it outlives `destroy`. */
  readonly volume: string;
  readonly target: string;
  /** @default false */
  readonly readOnly?: boolean;
}

export interface FolderMount {
  /** A folder or file of the checkout, relative to its root. */
  readonly path: string;
  readonly target: string;
  /** @default false: read-only */
  readonly writable?: boolean;
}

/** What can be waited for. */
export interface Gated {
  readonly gate: ITerraformDependable;
}

export interface ServiceProps {
  /** The service's name: its alias on the networks. */
  readonly service: string;
  readonly image: string;
  /** In place of the image's. @default the image's */
  readonly entrypoint?: readonly string[];
  /** @default the image's */
  readonly command?: readonly string[];
  /** Numeric, `uid:gid`. */
  readonly user: string;
  /** @default {} */
  readonly environment?: Readonly<Record<string, string>>;
  /** How names are looked up. @default ndots:1 for a service, Docker's for a one-shot */
  readonly dnsOptions?: readonly string[];
  /** None: the container has no network at all. */
  readonly networks: readonly NetworkName[];
  /** Further names on each network. @default none */
  readonly aliases?: readonly string[];
  /** @default none */
  readonly mounts?: readonly (VolumeMount | FolderMount)[];
  /** Files that shape it, relative to the checkout: when one changes, the container is replaced. @default none */
  readonly configuration?: readonly string[];
  /** Folder to mount options, besides /tmp. @default {} */
  readonly tmpfs?: Readonly<Record<string, string>>;
  /** Size of /tmp in megabytes. @default 64 */
  readonly temporaryMegabytes?: number;
  /** The command that says whether it works. Absent for a one-shot, which runs to its end instead. */
  readonly health?: readonly string[];
  readonly memoryMegabytes: number;
  readonly cpus: number;
  readonly pids: number;
  readonly stopGraceSeconds: number;
  /** What is given back of the capabilities, all of which are dropped. @default none */
  readonly capabilities?: readonly string[];
  /** Docker's own init as process 1. @default false */
  readonly init?: boolean;
  /** Size of /dev/shm in megabytes. @default Docker's 64 */
  readonly sharedMemoryMegabytes?: number;
  /** Publishes a port of the container on one address of the host. @default nothing is published */
  readonly publish?: { readonly address: string; readonly hostPort: number; readonly containerPort: number };
  /** How many there are, named `…-0`, `…-1`, …. @default one, without a number */
  readonly replicas?: TerraformVariable;
  /** Whose gates come first. @default none */
  readonly after?: readonly Gated[];
  /** How long its gate waits. @default 300 */
  readonly gateSeconds?: number;
}
