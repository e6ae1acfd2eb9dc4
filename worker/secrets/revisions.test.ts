import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { revisionsOf } from '../../stacks/revisions.ts';
import { externalFiles, givenSecrets, passwordLines } from '../config/given.ts';
import { makeSecrets } from './make-secrets.ts';

type Values = Readonly<Record<string, string>>;

const lineNames = [...Object.values(passwordLines).flat(), ...givenSecrets];
const fileNames = Object.values(externalFiles);

/** Whose values differ, each once. */
function changed(before: Values, after: Values): readonly string[] {
  const names = Object.keys({ ...before, ...after }).sort();
  return names.filter((name) => before[name] !== after[name]);
}

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'millrace-revisions-'));
  for (const folder of ['host', 'compose/external']) mkdirSync(join(root, folder), { recursive: true });
});
afterAll(() => rmSync(root, { recursive: true }));

/** What each consumer is handed. */
async function handed(external: boolean, lines: Values, files: Values): Promise<Values> {
  const env = Object.entries(lines).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(join(root, 'compose/.env'), env.join(''));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(root, 'compose/external', file), text);
  const consumers = join(root, 'consumers');
  await makeSecrets({
    store: join(root, 'store'),
    consumers,
    compose: join(root, 'compose'),
    host: join(root, 'host'),
    topology: external ? 'external' : 'standalone',
    tls: external,
    databaseTls: external,
    rotate: false,
    rotateApiKey: false,
    owned: false,
    say: () => undefined,
  });
  const textsOf = (consumer: string) =>
    readdirSync(join(consumers, consumer))
      .sort()
      .map((file) => [file, readFileSync(join(consumers, consumer, file), 'utf8')]);
  return Object.fromEntries(readdirSync(consumers).map((name) => [`secrets_${name}`, JSON.stringify(textsOf(name))]));
}

const revised = (external: boolean, lines: Values, files: Values): Values => {
  const revisions = revisionsOf({ external, tls: false, given: { lines, files, key: () => Buffer.alloc(32, 7) } });
  return Object.fromEntries(Object.entries(revisions).map(([volume, texts]) => [volume, texts.join()]));
};

describe.each([
  ['the kit', false],
  ['an operator', true],
])('the revisions of a stack, on servers of %s', (_whose, external) => {
  it.each([...lineNames, ...fileNames])('should change where another %s changes what is handed out', async (name) => {
    const needed = external ? { DB_PASSWORD: 'their-Postgres-881', REDIS_PASSWORD: 'their-Redis-4410' } : {};
    const there = Object.fromEntries(fileNames.map((file) => [file, `their ${file}`]));
    const isLine = lineNames.some((line) => line === name);
    const given = (value: string): [Values, Values] =>
      isLine ? [{ ...needed, [name]: value }, there] : [needed, { ...there, [name]: value }];
    const [before, after] = [given('one-of-a-kind-4711'), given('quite-another-0815')];
    const differs = changed(await handed(external, ...before), await handed(external, ...after));
    expect(changed(revised(external, ...before), revised(external, ...after))).toEqual(differs);
  });
});
