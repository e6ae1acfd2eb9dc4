/** What containers hold and what images weigh, as Docker tells it. */
import { docker } from '../../../test/infra/harness/docker.ts';

const units: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KiB: 2 ** 10,
  MB: 1e6,
  MiB: 2 ** 20,
  GB: 1e9,
  GiB: 2 ** 30,
};

export interface Held {
  /** Service, or the container's name. */
  readonly name: string;
  readonly megabytes: number;
}

/**
 * Memory of each container that runs, in MB (10^6 bytes): `docker stats`, which leaves out files that are in memory only
 * as long as nobody else wants it.
 */
export async function memoryOf(containers: readonly string[]): Promise<readonly Held[]> {
  const lines = await docker(['stats', '--no-stream', '--format', '{{.Name}}|{{.MemUsage}}', ...containers]);
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name = '', usage = ''] = line.split('|');
      return { name, megabytes: bytesOf(usage.split('/')[0] ?? '') / 1e6 };
    });
}

/** "12.5MiB" in bytes. @throws when it is none */
export function bytesOf(text: string): number {
  const [, number, unit = ''] = /^\s*([\d.]+)\s*([kKMG]?i?B)\s*$/.exec(text) ?? [];
  const factor = units[unit];
  if (number === undefined || factor === undefined) {
    throw new Error(`expected an amount of memory as docker stats tells it, instead got "${text}"`);
  }
  return Number(number) * factor;
}

/** Size of an image with all its layers, in MB (10^6 bytes). */
export async function imageMegabytes(image: string): Promise<number> {
  return Number((await docker(['image', 'inspect', '--format', '{{.Size}}', image])).trim()) / 1e6;
}
