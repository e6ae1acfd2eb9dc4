/** A service as both doors describe it, in one form. */

export interface Shape {
  readonly image: string;
  readonly user: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** Variables that are not empty: an empty one counts as unset. */
  readonly environment: Readonly<Record<string, string>>;
  /** By network, none of them: no network at all. */
  readonly networks: Readonly<Record<string, Membership>>;
  readonly dnsOptions: readonly string[];
  /** `service: healthy` or `service: completed`. */
  readonly needs: readonly string[];
  /** `none` for a one-shot. */
  readonly health: string;
  readonly memoryMegabytes: number;
  readonly cpus: number;
  readonly pids: number;
  readonly sharedMemoryMegabytes: number;
  readonly capabilities: { readonly drop: readonly string[]; readonly add: readonly string[] };
  readonly securityOptions: readonly string[];
  readonly readOnly: boolean;
  readonly init: boolean;
  /** `kind source -> target (ro|rw)`; sources of the checkout are relative to it. */
  readonly mounts: readonly string[];
  readonly temporary: readonly string[];
  readonly ports: readonly string[];
  readonly restart: string;
  readonly logging: string;
  readonly stopGraceSeconds: number;
}

/** Of a service in a network. */
export interface Membership {
  /** The service's own name left out. */
  readonly aliases: readonly string[];
  /** Nothing in that network gets out of it. */
  readonly internal: boolean;
}

export type System = ReadonlyMap<string, Shape>;

/** What an operator may set; the environment of both renderings. */
export type Chosen = Readonly<Record<string, string>>;

/** Docker's own, where nothing is said. */
export const dockerSharedMemoryMegabytes = 64;

/** `1m0s`, `45s` in seconds. */
export function seconds(duration: string): number {
  const [, minutes = '0', rest = '0'] = /^(?:(\d+)m)?(?:(\d+)s)?$/.exec(duration) ?? [];
  return Number(minutes) * 60 + Number(rest);
}

export const sorted = (list: readonly string[]): string[] => [...list].sort();

/** Rendering takes what stands in the environment; nothing of this process's but what finds commands and the Engine. */
export function cleanEnvironment(chosen: Chosen): Record<string, string> {
  const kept = ['PATH', 'HOME', 'DOCKER_HOST', 'DOCKER_CONFIG', 'MILLRACE_CACHE', 'TMPDIR'];
  const own = kept.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name] ?? '']]));
  return { ...Object.fromEntries(own), ...chosen };
}
