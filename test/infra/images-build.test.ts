/** A fresh clone has no image of ours: compose itself must know how to make each. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { docker, root } from './harness/docker.ts';

interface Rendered {
  readonly services: Readonly<
    Record<
      string,
      {
        readonly image: string;
        readonly pull_policy?: string;
        readonly build?: {
          readonly context: string;
          readonly dockerfile: string;
          readonly args: Readonly<Record<string, string>>;
        };
      }
    >
  >;
}

const ours = { MILLRACE_IMAGE: 'own/worker:1', MILLRACE_SQUID_IMAGE: 'own/squid:1' };
const bases = { NODE_IMAGE: 'own/node:24', DEBIAN_IMAGE: 'own/debian:13' };

const topologies = ['standalone', 'sentinel', 'cluster', 'external'] as const;

async function render(topology: (typeof topologies)[number], env: Readonly<Record<string, string>>): Promise<Rendered> {
  // none of the machine's own choices
  const args = ['compose', '--env-file', '/dev/null', 'config', '--format', 'json'];
  const servers = { REDIS_HOST: 'redis.test', DB_HOST: 'db.test', REDIS_PASSWORD: 'x', DB_PASSWORD: 'x' };
  const chosen = { MILLRACE_TOPOLOGY: topology, ...(topology === 'external' ? servers : {}) };
  return JSON.parse(await docker(args, { env: { MILLRACE_POOLS: 'none', ...chosen, ...env } }));
}

describe('docker compose in a fresh clone', () => {
  test.each(topologies)('should know how to build our images, on the bases that are set: %s', async (topology) => {
    const { services } = await render(topology, { ...ours, ...bases });
    for (const image of Object.values(ours)) {
      const builds = Object.values(services).flatMap((service) =>
        service.image === image && service.build !== undefined ? [service.build] : [],
      );
      expect(builds, image).toHaveLength(1);
      for (const { context, dockerfile, args: given } of builds) {
        expect(existsSync(join(context, dockerfile)), dockerfile).toBe(true);
        expect(Object.values(bases)).toContain(Object.values(given)[0]);
        expect(context.startsWith(root.replace(/\/$/, ''))).toBe(true);
      }
    }
  });

  test.each(topologies)(
    'should ask no registry for what is built here, and for ours where they are named: %s',
    async (topology) => {
      const pulls = async (env: Readonly<Record<string, string>>) =>
        Object.values((await render(topology, env)).services).flatMap(({ image, pull_policy }) =>
          /worker|squid/.test(image) ? [`${image} ${pull_policy}`] : [],
        );
      const unnamed = { MILLRACE_IMAGE: '', MILLRACE_SQUID_IMAGE: '' };
      expect(new Set(await pulls(unnamed))).toEqual(
        new Set(['millrace/worker:local never', 'millrace/squid:local never']),
      );
      expect(new Set(await pulls({ ...unnamed, MILLRACE_IMAGE: ours.MILLRACE_IMAGE }))).toEqual(
        new Set(['own/worker:1 missing', 'millrace/squid:local never']),
      );
      expect(new Set(await pulls(ours))).toEqual(new Set(['own/worker:1 missing', 'own/squid:1 missing']));
    },
  );
});
