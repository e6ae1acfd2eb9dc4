/** Commands run in a fresh container of an image, bounded as a service is: no rights, no network, a read-only root. */
import { docker } from '../harness/docker.ts';

const runTimeoutMs = 120_000;

export interface InImage {
  /** Further arguments of `docker run`. */
  readonly options?: readonly string[];
  readonly timeoutMs?: number;
}

const asService = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];

/** What the command writes to its standard output. @throws when it fails */
export function inImage(image: string, command: readonly string[], more: InImage = {}): Promise<string> {
  const { options = [], timeoutMs = runTimeoutMs } = more;
  const args = ['run', '--rm', '--network', 'none', ...asService, ...options, image, ...command];
  return docker(args, { timeoutMs });
}

/** A shell script run so, past the image's entry point. */
export const shellIn = (image: string, script: string, more: InImage = {}) =>
  inImage(image, ['-c', script], { ...more, options: ['--entrypoint', '/bin/sh', ...(more.options ?? [])] });

export interface ImageConfig {
  readonly Id: string;
  /** In bytes. */
  readonly Size: number;
  readonly Config: {
    readonly User: string;
    readonly WorkingDir: string;
    readonly Env: readonly string[];
    readonly Entrypoint: readonly string[] | null;
    readonly Volumes: Readonly<Record<string, unknown>> | null;
    readonly Labels: Readonly<Record<string, string>> | null;
    readonly Healthcheck?: { readonly Test: readonly string[] };
  };
}

/** @throws when the image is not here */
export async function inspectImage(image: string): Promise<ImageConfig> {
  const [found]: ImageConfig[] = JSON.parse(await docker(['image', 'inspect', image]));
  if (found === undefined) throw new Error(`expected the image ${image}, instead Docker knows none of that name`);
  return found;
}
