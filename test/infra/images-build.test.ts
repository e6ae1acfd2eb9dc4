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

describe('docker compose in a fresh clone', () => {
  test.each(['standalone', 'sentinel', 'cluster', 'external'])(
    'should know how to build our images, on the bases that are set: %s',
    async (topology) => {
      // none of the machine's own choices
      const args = ['compose', '--env-file', '/dev/null', 'config', '--format', 'json'];
      const servers =
        topology === 'external'
          ? { REDIS_HOST: 'redis.test', DB_HOST: 'db.test', REDIS_PASSWORD: 'x', DB_PASSWORD: 'x' }
          : {};
      const env = { MILLRACE_TOPOLOGY: topology, MILLRACE_POOLS: 'none', ...ours, ...bases, ...servers };
      const { services }: Rendered = JSON.parse(await docker(args, { env }));
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
    },
  );
});
