/** Where the API is that a command calls, and the key for it. */
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { configError, givenValue, type RawEnvironment } from '../config/environment.ts';
import { errorText, isErrno } from '../errors.ts';
import { CommandError, exitCode } from './exit-codes.ts';

export interface Target {
  readonly url: string;
  readonly key: string;
  /** Who named the URL. */
  readonly from: 'option' | 'environment' | 'announcement' | 'default';
  /** The data folder that was looked into. */
  readonly home: string;
  /** Of the process that announced itself there. */
  readonly pid: number | undefined;
}

export interface TargetOptions {
  readonly url?: string;
  readonly apiKeyFile?: string;
}

/**
 * By the options, else by the environment, else by what the embedded Millrace of the data folder has left there.
 * @throws StartError `config_invalid`; CommandError `api_key_missing`, `api_key_unreadable`, `api_url_invalid`
 */
export async function findTarget(options: TargetOptions, env: RawEnvironment): Promise<Target> {
  const faults: string[] = [];
  const given = (name: string) => givenValue(name, env, faults);
  const urlOfEnvironment = given('MILLRACE_URL');
  const keyOfEnvironment = given('MILLRACE_API_KEY');
  const home = resolve(given('MILLRACE_HOME') ?? '.millrace');
  const port = given('DIFY_PORT') ?? '5001';
  if (faults.length > 0) throw configError(faults);
  const announced = await announcement(home);
  const [url, from] =
    options.url !== undefined
      ? ([options.url, 'option'] as const)
      : urlOfEnvironment !== undefined
        ? ([urlOfEnvironment, 'environment'] as const)
        : announced
          ? ([announced.url, 'announcement'] as const)
          : ([`http://127.0.0.1:${port === '0' ? '5001' : port}`, 'default'] as const);
  const where = { url: checkedUrl(url), from, home, pid: announced?.pid };
  const key = await findKey(options.apiKeyFile, keyOfEnvironment, home);
  if (key !== undefined) return { ...where, key };
  // what does not run has no key: which of the two it is, is the better answer
  if (!(await answers(where.url))) throw unreachable(where, new Error('nothing listens there'));
  throw new CommandError({
    code: 'api_key_missing',
    message: `There is no API key for ${where.url}.`,
    hint: `Set MILLRACE_API_KEY or MILLRACE_API_KEY_FILE, name a file with --api-key-file, or set MILLRACE_HOME to the data folder that holds api-key (looked into: ${home}).`,
    exitCode: exitCode.config,
  });
}

function checkedUrl(text: string): string {
  const url = URL.parse(text);
  if (url && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '');
  throw new CommandError({
    code: 'api_url_invalid',
    message: `Expected an http:// or https:// address of the API, instead got "${text}".`,
    hint: 'Give it as --url http://127.0.0.1:5001, or in MILLRACE_URL.',
    exitCode: exitCode.usage,
  });
}

async function findKey(
  file: string | undefined,
  ofEnvironment: string | undefined,
  home: string,
): Promise<string | undefined> {
  if (file === undefined) return ofEnvironment ?? keptKey(home);
  try {
    const key = (await readFile(file, 'utf8')).trim();
    if (key !== '') return key;
  } catch (cause) {
    throw keyUnreadable(`cannot be read: ${errorText(cause)}`, 'Name a file that holds nothing but the key.');
  }
  throw keyUnreadable(`${file} is empty`, 'Name a file that holds nothing but the key.');
}

/** What the embedded Millrace, compose and stacks leave in the data folder. @throws CommandError `api_key_unreadable` */
async function keptKey(home: string): Promise<string | undefined> {
  try {
    return (await readFile(join(home, 'api-key'), 'utf8')).trim() || undefined;
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return undefined;
    const hint = 'It belongs to whoever started Millrace. Run this as that user, or set MILLRACE_API_KEY.';
    throw keyUnreadable(`is there and cannot be read: ${errorText(cause)}`, hint);
  }
}

const keyUnreadable = (what: string, hint: string) =>
  new CommandError({
    code: 'api_key_unreadable',
    message: `The file of the API key ${what}.`,
    hint,
    exitCode: exitCode.config,
  });

async function announcement(home: string): Promise<{ readonly url: string; readonly pid: number } | undefined> {
  try {
    const { url, pid }: { url?: unknown; pid?: unknown } = JSON.parse(
      await readFile(join(home, 'running.json'), 'utf8'),
    );
    return typeof url === 'string' && typeof pid === 'number' ? { url, pid } : undefined;
  } catch {
    return undefined;
  }
}

const probeMs = 2000;

async function answers(url: string): Promise<boolean> {
  try {
    await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(probeMs) });
    return true;
  } catch {
    return false;
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** Says what to do when nothing answers. */
export function unreachable({ url, from, home, pid }: Omit<Target, 'key'>, cause: unknown): CommandError {
  const start = 'Start one with "make up", or with "millrace up"';
  const hints = {
    option: 'Check --url, and whether that API is up: GET /healthz answers 200 there.',
    environment: 'Check MILLRACE_URL, and whether that API is up: GET /healthz answers 200 there.',
    announcement:
      pid !== undefined && lives(pid)
        ? `The embedded Millrace of ${home} (process ${pid}) announced that address and does not answer now: its log says why.`
        : `The embedded Millrace of ${home} that announced that address has ended. ${start}.`,
    default: `No Millrace is announced in ${home}. ${start}, or say where one is with --url or MILLRACE_URL.`,
  };
  return new CommandError({
    code: 'api_unreachable',
    message: `Nothing answers at ${url} (${reasonOf(cause)}).`,
    hint: hints[from],
    exitCode: exitCode.unavailable,
    cause,
  });
}

/** The end of the chain of causes is what the system said. */
function reasonOf(thrown: unknown): string {
  let text = '';
  for (let error = thrown; error instanceof Error; error = error.cause) text = error.message || text;
  return text || 'no reason given';
}
