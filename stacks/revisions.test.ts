import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { givenSecrets } from './given-secrets.ts';
import type { Values } from './passed-on.ts';
import { type GivenSecrets, revisionsOf } from './revisions.ts';
import { containersOf, givenLines, synthesised } from './testing/synthesised.ts';

const given = (lines: Values, files: Values = {}): GivenSecrets => ({ ...givenLines(lines), files });

/** Volumes whose revision is another one. */
function changed(external: boolean, before: GivenSecrets, after: GivenSecrets): readonly string[] {
  const [old, fresh] = [before, after].map((one) => revisionsOf({ external, tls: false, given: one }));
  return Object.keys({ ...old, ...fresh }).filter((volume) => String(old?.[volume]) !== String(fresh?.[volume]));
}

describe('a secret of compose/.env that changes', () => {
  it.each<[string, string, readonly string[]]>([
    ['of the kit', 'OPENAI_API_KEY', ['api', 'worker']],
    ['of the kit', 'OPENDAL_S3_SECRET_ACCESS_KEY', ['api', 'worker']],
    ['of the kit', 'MILLRACE_API_KEY', ['api']],
    ['of the kit', 'DB_PASSWORD', ['postgres']],
    ['of the kit', 'REDIS_PASSWORD', ['redis', 'producer']],
    ['of the kit', 'REDIS_SENTINEL_PASSWORD', ['api', 'worker', 'beat', 'sentinel', 'producer']],
    ['of an operator', 'DB_PASSWORD', ['api', 'worker', 'beat', 'migrate', 'postgres']],
    ['of an operator', 'REDIS_PASSWORD', ['api', 'worker', 'beat', 'redis', 'sentinel', 'producer', 'metrics']],
    ['of an operator', 'MILLRACE_API_KEY', ['api']],
  ])('should on servers %s give the secrets that %s is among another revision: %j', (whose, name, consumers) => {
    const volumes = consumers.map((consumer) => `secrets_${consumer}`);
    const external = whose !== 'of the kit';
    for (const before of [{}, { [name]: 'one-of-a-kind' }]) {
      expect(changed(external, given(before), given({ [name]: 'another-one' }))).toEqual(volumes);
      expect(changed(external, given({ [name]: 'another-one' }), given(before))).toEqual(volumes);
    }
  });

  it('should count for nothing where another name stands in its place, as for the one-shot', () => {
    const both = given({ DB_PASSWORD: 'one-of-a-kind', POSTGRES_PASSWORD: 'not-looked-at' });
    expect(changed(false, given({ DB_PASSWORD: 'one-of-a-kind' }), both)).toEqual([]);
  });

  it("should count as well in compose/external/, with servers that are an operator's own", () => {
    const [one, two] = [given({}, { 'client.key': 'one' }), given({}, { 'client.key': 'two' })];
    const holders = ['api', 'worker', 'beat', 'redis', 'sentinel', 'producer', 'metrics'];
    expect(changed(true, one, two)).toEqual(holders.map((consumer) => `secrets_${consumer}`));
    expect(changed(false, one, two)).toEqual([]);
  });

  it('should start the one-shot anew and replace who mounts it, and nobody else', () => {
    const [before, after] = ['one-of-a-kind', 'another-one'].map((OPENAI_API_KEY) =>
      containersOf(synthesised('standalone', {}, given({ OPENAI_API_KEY }))),
    );
    const differs = [...(before ?? [])].filter(
      ([service, container]) => JSON.stringify(container) !== JSON.stringify(after?.get(service)),
    );
    expect(differs.map(([service]) => service).sort()).toEqual(['api', 'secrets', 'worker']);
  });

  it('should be told from every other by its revision, which shows nothing of it and says nothing without the key', () => {
    const secret = fc.string({ minLength: 8 });
    const revisions = (lines: Values, key = Buffer.alloc(32, 7)) =>
      JSON.stringify(revisionsOf({ external: true, tls: false, given: { lines, files: {}, key: () => key } }));
    fc.assert(
      fc.property(
        secret,
        secret,
        fc.constantFrom('DB_PASSWORD', 'REDIS_PASSWORD', 'OPENAI_API_KEY'),
        (one, two, name) => {
          expect(revisions({ [name]: one }) === revisions({ [name]: two })).toBe(one === two);
          expect(revisions({ [name]: one })).not.toContain(one);
          expect(revisions({ [name]: one }, Buffer.alloc(32, 8))).not.toBe(revisions({ [name]: one }));
        },
      ),
    );
  });
});

describe('a stack without secrets of its operator', () => {
  it('should keep nothing of any, and ask for no key', () => {
    const key = () => {
      throw new Error('a key was asked for');
    };
    const revisions = revisionsOf({ external: false, tls: false, given: { ...given({ LOG_LEVEL: 'debug' }), key } });
    expect(Object.values(revisions).flat()).toEqual([]);
  });
});

describe('certificates', () => {
  it('should be renewed by the first deploy of a half-year, by the one-shot, and taken up by who speaks TLS', () => {
    const renewed = [...containersOf(synthesised('sentinel', { MILLRACE_TLS: 'true' }))]
      .filter(([, { labels }]) => JSON.stringify(labels).includes('plantimestamp()'))
      .map(([service]) => service);
    const servers = ['redis', 'redis_1', 'redis_2', 'sentinel_0', 'sentinel_1', 'sentinel_2'];
    expect(renewed.sort()).toEqual(['api', 'worker', 'worker_beat', 'secrets', ...servers].sort());
  });

  it("should replace nothing without TLS, nor where they are an operator's own", () => {
    const revisions = (external: boolean, tls: boolean) =>
      Object.values(revisionsOf({ external, tls, given: given({}) })).flat();
    expect([revisions(false, false), revisions(true, true)]).toEqual([[], []]);
  });
});

describe('the key of the revisions', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'millrace-revisions-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('should be made when it is asked for first, be kept, and be readable by its owner alone', () => {
    const { key } = givenSecrets(folder, join(folder, 'keys'));
    const made = key();
    expect(made).toHaveLength(32);
    expect(givenSecrets(folder, join(folder, 'keys')).key()).toEqual(made);
    expect(statSync(join(folder, 'keys/revision-key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'keys/revision-key'), 'utf8')).toBe(made.toString('hex'));
  });

  it('should be refused when it is cut short', () => {
    writeFileSync(join(folder, 'revision-key'), 'abcd');
    expect(() => givenSecrets(folder, folder).key()).toThrow('holds 2 bytes; expected 32');
  });

  it('should come with the lines of compose/.env, and no others', () => {
    writeFileSync(join(folder, '.env'), 'DB_PASSWORD=of-the-file\n');
    expect(givenSecrets(folder, folder).lines).toEqual({ DB_PASSWORD: 'of-the-file' });
  });
});
