/** How one environment variable is described: its type, default, meaning, and whether it is a secret. */
import { z } from 'zod';

export interface Variable<T> {
  readonly type: z.ZodType<T, string>;
  /** Text as it would stand in the environment; without one the variable is unset by default. */
  readonly default?: string;
  readonly doc: string;
  /** Masked wherever configuration is printed. */
  readonly secret?: true;
  /** Words for the reference: "seconds", "true or false". */
  readonly accepts: string;
}

type Options<D> = { default?: D; doc: string; secret?: true };

const described = <T>(
  type: z.ZodType<T, string>,
  accepts: string,
  { default: initial, ...rest }: Options<unknown>,
): Variable<T> => ({
  type,
  accepts,
  ...rest,
  ...(initial === undefined ? {} : { default: String(initial) }),
});

/** Unset gives undefined, unless a default is named; then the value is always there. */
interface Kind<T> {
  (options: Options<T> & { default: T }): Variable<T>;
  (options: Options<T>): Variable<T | undefined>;
}

const kind =
  <T>(type: z.ZodType<T, string>, accepts: string): Kind<T> =>
  (options: Options<T>): Variable<T> =>
    described(type, accepts, options);

export const text = kind<string>(z.string(), 'text');

const trueWords = new Set(['true', '1', 'yes', 'on']);
const falseWords = new Set(['false', '0', 'no', 'off']);
export const flag = kind<boolean>(
  z.string().transform((value, ctx) => {
    const word = value.toLowerCase();
    if (!trueWords.has(word) && !falseWords.has(word)) ctx.addIssue(`expected true or false, instead got "${value}"`);
    return trueWords.has(word);
  }),
  'true or false',
);

const numeric = (pattern: RegExp, min: number, max: number, what: string) =>
  z.string().transform((value, ctx) => {
    const number = Number(value);
    if (!pattern.test(value) || number < min || number > max) {
      ctx.addIssue(`expected ${what} from ${min} to ${max}, instead got "${value}"`);
    }
    return number;
  });

export const integer = (min: number, max: number, unit?: string): Kind<number> =>
  kind(numeric(/^-?\d+$/, min, max, 'a whole number'), `whole number, ${min} to ${max}${unit ? `, ${unit}` : ''}`);

export const decimal = (min: number, max: number, unit?: string): Kind<number> =>
  kind(numeric(/^-?\d+(\.\d+)?$/, min, max, 'a number'), `number, ${min} to ${max}${unit ? `, ${unit}` : ''}`);

export const oneOf = <const W extends readonly [string, ...string[]]>(...words: W): Kind<W[number]> =>
  kind(
    z.enum(words, { error: (issue) => `expected one of ${words.join(', ')}, instead got "${String(issue.input)}"` }),
    words.map((word) => `\`${word}\``).join(', '),
  );

/** A comma-separated list; blanks around entries are dropped, empty entries too. */
export const list: Kind<string[]> = kind(
  z.string().transform((value) =>
    value
      .split(',')
      .map((entry) => entry.trim())
      .filter((entry) => entry !== ''),
  ),
  'comma-separated list',
);

export const port = (min = 1) => integer(min, 65_535, 'port');

/** One of the words and how often, as `word:3`. */
export const countedWord = <const W extends readonly [string, ...string[]]>(
  ...words: W
): Kind<{ readonly name: W[number]; readonly count: number }> =>
  kind(
    z.string().transform((value, ctx) => {
      const [, word, digits] = /^(\w+):([1-9]\d{0,8})$/.exec(value) ?? [];
      const name = words.find((known) => known === word);
      if (name !== undefined) return { name, count: Number(digits) };
      ctx.addIssue(`expected name:count with one of ${words.join(', ')}, instead got "${value}"`);
      return z.NEVER;
    }),
    `\`name:count\`; names: ${words.map((word) => `\`${word}\``).join(', ')}`,
  );
