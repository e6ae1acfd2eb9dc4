/**
 * Revisions of the secrets volumes: text that changes when what an operator gives to the one-shot `secrets` changes, and
 * when certificates are due. Terraform keeps them in the place of the secrets, of which they say nothing without the key.
 */
import { createHmac } from 'node:crypto';
import { externalFiles, givenSecrets, passwordLines } from '../worker/config/given.ts';
import type { Values } from './passed-on.ts';

/** What the one-shot `secrets` finds under compose/. */
export interface GivenSecrets {
  /** Lines of `compose/.env`; the one-shot sees no other environment. */
  readonly lines: Values;
  /** Text of the files of `compose/external/`, by name. */
  readonly files: Values;
  /** At least 32 random bytes that no state holds; not asked for where nothing is given. */
  readonly key: () => Buffer;
}

/** Of a secret that has two names the first that is set counts, as in the one-shot. */
type Names = readonly string[];

const { database, redis, sentinel, apiKey } = passwordLines;
const { ca, certificate, key, databaseCa } = externalFiles;
const ofServices: readonly Names[] = givenSecrets.map((name) => [name]);

/** What ends up in the volume of each consumer, by docs/reference/kit.md: worker/secrets/revisions.test.ts asks the one-shot. */
const everywhere = {
  api: [apiKey, ...ofServices, sentinel],
  worker: [...ofServices, sentinel],
  beat: [sentinel],
} as const;
const kit: Readonly<Record<string, readonly Names[]>> = {
  ...everywhere,
  postgres: [database],
  redis: [redis],
  sentinel: [sentinel],
  producer: [redis, sentinel],
};
const theirRedis: readonly Names[] = [redis, [ca], [certificate], [key]];
const theirs: readonly Names[] = [database, ...theirRedis, [databaseCa]];
const external: Readonly<Record<string, readonly Names[]>> = {
  api: [...everywhere.api, ...theirs],
  worker: [...everywhere.worker, ...theirs],
  beat: [...everywhere.beat, ...theirs],
  migrate: [database, [databaseCa]],
  postgres: [database],
  redis: theirRedis,
  sentinel: [sentinel, ...theirRedis],
  producer: [sentinel, ...theirRedis],
  metrics: theirRedis,
};

/** Who holds certificates of the kit's own. */
const certified = ['api', 'worker', 'beat', 'redis', 'sentinel'];
/**
 * Half a year of the calendar, taken when Terraform plans. Certificates live for a year and are renewed when fewer than
 * 215 days are left (worker/secrets/certificates.ts), so who deploys once a month never meets their end.
 */
const halfYear =
  `\${formatdate("YYYY", plantimestamp())}-` + `\${tonumber(formatdate("M", plantimestamp())) > 6 ? 2 : 1}`;

/** 64 bits: enough to tell two values apart. */
const digits = 16;

export interface RevisionsProps {
  /** Redis and Postgres are an operator's own. */
  readonly external: boolean;
  readonly tls: boolean;
  readonly given: GivenSecrets;
}

/** By volume; one that nobody gives anything for, and that holds no certificate in use, has none. */
export function revisionsOf({
  external: own,
  tls,
  given,
}: RevisionsProps): Readonly<Record<string, readonly string[]>> {
  const values = { ...given.lines, ...(own ? given.files : {}) };
  const chosen = (names: Names) => names.map((name) => values[name] ?? '').find((value) => value !== '');
  const digest = (all: readonly Names[]) => {
    const held = all.map((names) => chosen(names) ?? null);
    if (held.every((value) => value === null)) return [];
    return [createHmac('sha256', given.key()).update(JSON.stringify(held)).digest('hex').slice(0, digits)];
  };
  const consumers = own ? external : kit;
  const renewed = tls && !own ? certified : [];
  return Object.fromEntries(
    Object.entries(consumers).map(([consumer, names]) => [
      `secrets_${consumer}`,
      [...digest(names), ...(renewed.includes(consumer) ? [halfYear] : [])],
    ]),
  );
}
