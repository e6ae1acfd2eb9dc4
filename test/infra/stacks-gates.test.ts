import { describe, expect, it } from 'vitest';
import { docker } from './harness/docker.ts';
import { stackDeployment } from './harness/stack.ts';

describe('the gates of a stack', () => {
  it('should stop a deploy whose migration fails, show its log, and go on once it is mended', async () => {
    await using deployment = await stackDeployment({ stack: 'standalone' });
    // a table of that name that the migrations do not expect
    const prepared = await deployment.terraform('init', '-input=false');
    expect(prepared.code, prepared.output).toBe(0);
    const target = 'terraform_data.db_postgres_gate';
    const listed = await deployment.terraform('plan', '-input=false', '-no-color');
    const gate = new RegExp(`${target}_\\w+`).exec(listed.output)?.[0] ?? '';
    const databaseOnly = await deployment.terraform('apply', '-input=false', '-auto-approve', `-target=${gate}`);
    expect(databaseOnly.code, databaseOnly.output.slice(-4000)).toBe(0);
    await deployment.sql('create table public.tasks (other int)');

    const failed = await deployment.deploy();
    expect(failed.code).not.toBe(0);
    expect(failed.output).toContain(`${deployment.nameOf('migrate')} exited with`);
    expect(failed.output).toMatch(/last 50 lines of its log:[\s\S]*tasks/);
    const { containers } = await deployment.leftovers();
    expect(containers).not.toContain(deployment.nameOf('api'));
    const migration = (await deployment.containers()).get(deployment.nameOf('migrate'));

    await deployment.sql('drop table public.tasks');
    await deployment.deployed();
    // the same container, started again
    expect((await deployment.containers()).get(deployment.nameOf('migrate'))).toBe(migration);
    expect(await deployment.changes()).toBe('');
    expect((await docker(['inspect', '--format', '{{.State.ExitCode}}', migration ?? ''])).trim()).toBe('0');
  });
});
