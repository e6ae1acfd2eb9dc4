/** What options may hold. Wrong ones are usage errors, said before anything is sent. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { InvalidArgumentError } from 'commander';
import type { Json } from '../api/types/common.ts';
import { errorText } from '../errors.ts';
import type { Input } from './command-line.ts';
import { CommandError, exitCode } from './exit-codes.ts';

export const wholeNumber =
  (min: number, max: number) =>
  (value: string): number => {
    const number = Number(value);
    if (/^\d+$/.test(value) && number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };

export const seconds = (value: string): number => {
  const number = Number(value);
  if (value.trim() !== '' && number >= 0 && number <= 315_360_000) return number;
  throw new InvalidArgumentError('Expected a number of seconds.');
};

/** An argument that is JSON, or says where it is: `-` standard input, `@FILE` a file. */
export async function readPayload(argument: string, input: Input): Promise<Json> {
  const from = argument === '-' ? 'standard input' : argument.startsWith('@') ? argument.slice(1) : 'the argument';
  const wrong = (what: string) =>
    new CommandError({
      code: 'payload_unreadable',
      message: `The payload of ${from} ${what}.`,
      hint: `Give JSON as an argument ('{"ms": 250}'), as a file (@payload.json), or on standard input (-).`,
      exitCode: exitCode.usage,
    });
  let content: string;
  try {
    content = argument === '-' ? await text(input) : argument.startsWith('@') ? await readFile(from, 'utf8') : argument;
  } catch (error) {
    throw wrong(`cannot be read: ${errorText(error)}`);
  }
  try {
    return JSON.parse(content);
  } catch (error) {
    throw wrong(`is no JSON: ${errorText(error)}`);
  }
}

/** A query string of what is given; empty when nothing is. */
export function queryOf(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  if (given.length === 0) return '';
  return `?${new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))}`;
}

/** Whether a text is the id of a task or dataset, and no name. */
export const isId = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

/** One part of a path. */
export const part = (text: string): string => encodeURIComponent(text);
