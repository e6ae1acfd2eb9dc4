import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type VariableName, variables } from '../config/variables/index.ts';
import { printConfig } from './config-command.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-config-command-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const secretFile = join(folder, 'secret');
writeFileSync(secretFile, 'hunter2 of a file, long enough\n');

/** Every secret there is, by environment or by file. */
const secretNames = (Object.keys(variables) as VariableName[]).filter((name) => 'secret' in variables[name]);
const urls = new Set<string>(['CELERY_BROKER_URL', 'REDIS_URL']);
const env = Object.fromEntries(
  secretNames.map((name, index) => {
    if (urls.has(name)) return [name, 'redis://:hunter2@redis.internal:6379/1'];
    return index % 2 === 0 ? [name, 'hunter2, long enough for all'] : [`${name}_FILE`, secretFile];
  }),
);

it.each([false, true])('should mask every secret (as JSON: %s)', (json) => {
  expect(secretNames.length).toBeGreaterThan(5);
  const printed = printConfig(env, json);
  expect(printed).not.toContain('hunter2');
  for (const name of secretNames) expect(printed).toContain(json ? `"${name}": "***"` : `${name}=***`);
});

it('should print one line a variable that has a value, lists by commas', () => {
  const lines = printConfig({ CELERY_QUEUES: 'mail, dataset', DIFY_PORT: '0' }, false).split('\n');
  expect(lines).toContain('MODE=all');
  expect(lines).toContain('DIFY_PORT=0');
  expect(lines).toContain('CELERY_QUEUES=mail,dataset');
  expect(lines).toContain('MIGRATION_ENABLED=true');
  expect(lines.filter((line) => /^(DB_HOST|MILLRACE_API_KEY)=/.test(line))).toEqual([]);
});

it('should print one JSON object with the types of the values', () => {
  expect(JSON.parse(printConfig({ CELERY_QUEUES: 'mail', DIFY_PORT: '8080' }, true))).toMatchObject({
    DIFY_PORT: 8080,
    CELERY_QUEUES: ['mail'],
    MIGRATION_ENABLED: true,
  });
});

it('should print nothing of a configuration that would not start', () => {
  expect(() => printConfig({ DB_TYPE: 'mysql' }, false)).toThrow(/DB_TYPE: expected postgresql/);
});
