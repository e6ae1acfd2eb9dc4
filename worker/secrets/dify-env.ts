/** What an operator's `compose/.env`, or the `.env` of a Dify installation in its place, brings along. */
import { parseEnv } from 'node:util';
import { type GivenSecret, givenSecrets, passwordLines } from '../config/given.ts';
import { minApiKeyChars } from '../config/variables/access.ts';
import { StartError } from '../errors.ts';

/** Defaults of products and of their examples, which everybody knows. */
const knownToEverybody = [
  ...['difyai123456', 'dify', 'langgenius', 'millrace', 'postgres', 'postgresql', 'redis', 'sentinel', 'rootpassword'],
  ...[
    'password',
    'passw0rd',
    'p@ssw0rd',
    'secret',
    'changeme',
    'changeit',
    'example',
    'default',
    'admin',
    'root',
    'test',
  ],
];
const minPasswordChars = 12;
/** `aaaaaaaaaaaa` is long and no secret. */
const minDifferentChars = 4;

/** Passwords of a Dify installation and what they mean here. */
export interface TakenOver {
  readonly database: string | undefined;
  readonly redis: string | undefined;
  readonly sentinel: string | undefined;
  readonly apiKey: string | undefined;
  /** Of services outside: as they are, since nobody here chose them. */
  readonly secrets: Readonly<Partial<Record<GivenSecret, string>>>;
}

type Faults = string[];
type Entries = Readonly<Record<string, string | undefined>>;

/** Undefined when the text is fit; else what is wrong with it, without showing it. */
function weakness(text: string, minChars: number): string | undefined {
  const bare = text.toLowerCase().replace(/[\d\W_]+$/, '');
  if (knownToEverybody.includes(text.toLowerCase()) || knownToEverybody.includes(bare))
    return 'is a default that everybody knows';
  if (text.length < minChars) return `has ${text.length} characters, and ${minChars} are the least`;
  if (new Set(text).size < minDifferentChars) return 'is made of very few different characters';
  return undefined;
}

/** Passwords go through SCRAM, SQL and configuration files of Redis: printable ASCII, no blank, quote or backslash. */
const awkward = /[^\x21-\x7e]|["'\\]/;

/** Docker Compose would put another variable's value in its place. Nobody does here: it would be a password that everybody can guess. */
const reference = /\$\{[A-Za-z_]\w*[^}]*\}/;

function password(
  entries: Entries,
  names: readonly string[],
  faults: Faults,
  minChars = minPasswordChars,
): string | undefined {
  const name = names.find((candidate) => (entries[candidate] ?? '') !== '');
  const text = name === undefined ? undefined : entries[name];
  if (name === undefined || text === undefined) return undefined;
  if (reference.test(text)) {
    faults.push(`${name}: expected the password itself, instead got a reference to another variable`);
    return undefined;
  }
  const weak = weakness(text, minChars);
  if (weak) {
    faults.push(`${name}: it ${weak}; take the line out, and one is made (openssl rand -hex 24 makes one too)`);
    return undefined;
  }
  if (awkward.test(text)) {
    faults.push(`${name}: expected printable ASCII without blanks, quotes and backslashes (its value is not shown)`);
    return undefined;
  }
  return text;
}

/** @throws StartError `secrets_refused`, with every fault at once and no value of any */
export function takenOver(text: string): TakenOver {
  const entries: Entries = parseEnv(text);
  const faults: Faults = [];
  const found = {
    database: password(entries, passwordLines.database, faults),
    redis: password(entries, passwordLines.redis, faults),
    sentinel: password(entries, passwordLines.sentinel, faults),
    apiKey: password(entries, passwordLines.apiKey, faults, minApiKeyChars),
    secrets: Object.fromEntries(givenSecrets.flatMap((name) => (entries[name] ? [[name, entries[name]]] : []))),
  };
  if (faults.length > 0) throw refusal(faults);
  return found;
}

export const refusal = (faults: readonly string[]): StartError =>
  new StartError({
    code: 'secrets_refused',
    message: `compose/.env has ${faults.length === 1 ? 'a fault' : `${faults.length} faults`}:\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
    hint: 'compose/.env.example explains every line.',
  });

/** Broker URLs hold a host, a user and a password that the kit knows better: it builds them from their parts. */
const builtFromParts = ['CELERY_BROKER_URL', 'REDIS_URL'];

/** Names of `text` that mean nothing to the kit: those that its example does not have, not even commented out. */
export function meaningless(text: string, example: string): readonly string[] {
  const known = new Set([...example.matchAll(/^#? ?([A-Z][A-Z0-9_]*)=/gm)].map(([, name = '']) => name));
  const given = Object.entries(parseEnv(text)).flatMap(([name, value]) => (value === '' ? [] : [name]));
  return given.filter((name) => !known.has(name) && !builtFromParts.includes(name) && !name.startsWith('COMPOSE_'));
}

/** Of `text`, the broker URLs, which are not used. */
export const unusedUrls = (text: string): readonly string[] => {
  const entries: Entries = parseEnv(text);
  return builtFromParts.filter((name) => (entries[name] ?? '') !== '');
};
