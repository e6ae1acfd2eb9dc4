/** On servers that are as they should be the doctor finds nothing, and says what it saw. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { postgresServer, type RunningPostgres, type SuiteDatabase } from '../../harness/postgres.ts';
import { createTls, type RedisTls } from '../../harness/redis-tls.ts';
import { type RunningTopology, startTopology, topologyNames } from '../../harness/topologies.ts';
import { migrated } from './databases.ts';
import { databaseEnvironment, type Environment, type Examined, examine, runDoctor, storageFolder } from './setup.ts';

const kinds = topologyNames.flatMap((topology) => [
  { topology, secure: false, title: `${topology}, plain` },
  { topology, secure: true, title: `${topology}, TLS with client certificates` },
]);

describe('healthy servers', () => {
  let postgres: RunningPostgres;
  let database: SuiteDatabase;
  const storage = storageFolder();
  beforeAll(async () => {
    postgres = await postgresServer.start();
    database = await migrated(postgres);
  });
  afterAll(async () => {
    await postgres?.[Symbol.asyncDispose]();
    storage[Symbol.dispose]();
  });

  describe.each(kinds)('$title', ({ topology, secure }) => {
    let tls: RedisTls | undefined;
    let servers: RunningTopology;
    let environment: Environment;
    let report: Examined;

    beforeAll(async () => {
      tls = secure ? createTls() : undefined;
      servers = await startTopology(topology, tls);
      environment = {
        MODE: 'worker',
        ...servers.environment,
        ...databaseEnvironment(database),
        ...storage.environment,
      };
      report = await examine(environment);
    });
    afterAll(async () => {
      await servers?.[Symbol.asyncDispose]();
      tls?.[Symbol.dispose]();
    });

    it('should be found without fault, each server and role tried', () => {
      expect(report.findings).toEqual([]);
      expect(report).toMatchObject({ status: 'ok', code: 0, mode: 'worker' });
      const subjects = report.checks.map(({ subject }) => subject);
      for (const role of ['broker, as producer', 'broker, as consumer', 'cache, as producer', 'events, as consumer'])
        expect(subjects).toContain(`redis ${role}`);
      for (const { port } of servers.nodes) expect(subjects).toContain(`redis server 127.0.0.1:${port}`);
      expect(report.checks.flatMap(({ unseen }) => unseen)).toEqual([]);
    });

    it('should be told as facts', () => {
      const seen = report.about('redis server');
      const masters = seen.filter(({ facts }) => facts.role === 'master');
      expect(masters).toHaveLength(topology === 'cluster' ? 3 : 1);
      for (const { facts } of seen)
        expect(facts).toMatchObject({
          version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
          aof: true,
          fsync: 'everysec',
          last_save: expect.stringMatching(/^\d{4}-/),
          eviction: 'noeviction',
          maxmemory_bytes: 0,
          used_memory_bytes: expect.any(Number),
          clock_difference_ms: expect.any(Number),
        });
      if (topology === 'sentinel') {
        expect(masters[0]?.facts).toMatchObject({
          replicas: 2,
          min_replicas_to_write: 1,
          min_replicas_max_lag_seconds: 3,
        });
        expect(report.about('sentinel 127.0.0.1')).toHaveLength(3);
        for (const { facts } of report.about('sentinel 127.0.0.1'))
          expect(facts).toMatchObject({ quorum: 2, quorum_reachable: true, other_sentinels: 2 });
      }
      if (topology === 'cluster')
        expect(report.about('redis cluster')[0]?.facts).toMatchObject({ state: 'ok', slots_ok: 16_384 });
      expect(report.about('postgres')[0]?.facts).toMatchObject({
        version: expect.stringMatching(/^17/),
        fsync: 'on',
        synchronous_commit: 'on',
        pgvector: expect.stringMatching(/^0\./),
        migrations: { missing: [], changed: [], foreign: [] },
        clock_difference_ms: expect.any(Number),
      });
    });

    it('should be told to people a line each, and an exit code of 0', async () => {
      const { code, stdout } = await runDoctor(environment);
      expect(code).toBe(0);
      const lines = stdout.trimEnd().split('\n');
      expect(lines.at(-1)).toMatch(/^ok: \d+ checks/);
      for (const line of lines.slice(0, -1)) expect(line).toMatch(/^ok {6}/);
      expect(stdout).toMatch(/redis server .*: master, Redis .*, AOF everysec, noeviction/);
    });
  });
});
