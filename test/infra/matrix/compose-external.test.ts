import { describe, expect, it } from 'vitest';
import { serverCertificate } from '../harness/certificates.ts';
import { type ComposeDeployment, composeDeployment } from '../harness/compose.ts';
import { type OutsideServers, outsideServers } from '../harness/outside-servers.ts';
import { effectsOnce, sendEffects } from '../harness/work.ts';

/** On these servers. @param files further ones of the folder compose/ */
const deploymentOn = (
  { variables, redisPassword, databasePassword }: OutsideServers,
  more: {
    readonly variables?: Readonly<Record<string, string>>;
    readonly files?: Readonly<Record<string, string>>;
  } = {},
) =>
  composeDeployment({
    topology: 'external',
    variables: { ...variables, ...more.variables },
    envFile: `DB_PASSWORD=${databasePassword}\nREDIS_PASSWORD=${redisPassword}\n`,
    ...(more.files === undefined ? {} : { files: more.files }),
  });

const runningWorkers = async (deployment: ComposeDeployment) =>
  (await deployment.containers()).filter(({ Service, State }) => Service === 'worker' && State === 'running');

describe('a deployment on servers that are not its own', () => {
  it('should work on them, deploy none, and start and migrate nothing when the doctor finds a fault', async () => {
    await using servers = await outsideServers();
    {
      await using wrong = await deploymentOn({ ...servers, redisPassword: `${servers.redisPassword}-not` });
      await expect(wrong.up()).rejects.toThrow(/WRONGPASS|doctor/);
      expect(await runningWorkers(wrong)).toEqual([]);
      const made = "select count(*) from pg_class where relnamespace = 'public'::regnamespace";
      expect(await servers.sql(made)).toBe('0');
    }
    {
      await using deployment = await deploymentOn(servers);
      await deployment.up();
      const api = await deployment.api();
      expect(await api.indexAndAsk('The bell weighs 812 kilograms.', 'How heavy is the bell?')).toContain('812');
      const services = (await deployment.containers()).map(({ Service }) => Service);
      expect(services.filter((service) => /redis|postgres/.test(service))).toEqual([]);

      // work that waits while no worker lives keeps no deployment from starting
      await deployment.compose(['stop', 'worker']);
      const run = await sendEffects(api, 20);
      await deployment.compose(['down']);
      await deployment.up();
      expect(await effectsOnce(servers, run, 20, 120_000)).toBe('20|20');
    }
  });

  it('should speak TLS to a Postgres that proves who it is, and refuse one of another CA, of another name, or without TLS', async () => {
    const variables = { MILLRACE_DB_SSL_MODE: 'verify-full' };
    const { ca: otherCa } = await serverCertificate('DNS:another.example');
    const refused = async (servers: OutsideServers, ca: string) => {
      await using deployment = await deploymentOn(servers, { variables, files: { 'external/db-ca.crt': ca } });
      await expect(deployment.up()).rejects.toThrow(/database_untrusted/);
      expect(await runningWorkers(deployment)).toEqual([]);
    };
    const caOf = ({ certificate }: OutsideServers) => certificate?.ca ?? otherCa;
    {
      await using servers = await outsideServers({ postgresTls: 'itself' });
      await refused(servers, otherCa);
      await using deployment = await deploymentOn(servers, {
        variables,
        files: { 'external/db-ca.crt': caOf(servers) },
      });
      await deployment.up();
      const api = await deployment.api();
      expect(await api.indexAndAsk('The well is 31 metres deep.', 'How deep is the well?')).toContain('31');
      const sessions = `select count(*) > 2, bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid)
        where application_name like 'millrace-%'`;
      expect(await servers.sql(sessions)).toBe('t|t');
    }
    for (const postgresTls of ['another', undefined] as const) {
      await using servers = await outsideServers(postgresTls === undefined ? {} : { postgresTls });
      await refused(servers, caOf(servers));
    }
  });
});
