import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { StartError } from '../errors.ts';
import { createLogger } from './logger.ts';
import { RotatingFile } from './rotating-file.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-log-'));
  path = join(folder, 'logs', 'server.log');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const files = () => readdirSync(join(folder, 'logs')).sort();
const linesOf = (file: string) => readFileSync(file, 'utf8').trim().split('\n');
const line = (n: number) => `line ${String(n).padStart(4, '0')}\n`;
const bytesOfLine = line(0).length;

it('should keep so many full files and the newest, and drop the oldest', () => {
  const file = new RotatingFile({ path, maxBytes: 3 * bytesOfLine, backups: 2 });
  for (let n = 1; n <= 11; n++) file.write(line(n));
  file.close();
  expect(files()).toEqual(['server.log', 'server.log.1', 'server.log.2']);
  expect(linesOf(`${path}.2`)).toEqual(['line 0004', 'line 0005', 'line 0006']);
  expect(linesOf(`${path}.1`)).toEqual(['line 0007', 'line 0008', 'line 0009']);
  expect(linesOf(path)).toEqual(['line 0010', 'line 0011']);
});

it('should go on with the file that is there', () => {
  for (const n of [1, 2]) {
    const file = new RotatingFile({ path, maxBytes: 1000, backups: 1 });
    file.write(line(n));
    file.close();
  }
  expect(linesOf(path)).toEqual(['line 0001', 'line 0002']);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('should lose no line and rotate once where several write, and follow what another rotated', () => {
  const options = { path, maxBytes: 5 * bytesOfLine, backups: 50 };
  const writers = [1, 2, 3].map(() => new RotatingFile(options));
  for (let n = 0; n < 100; n++) writers[n % 3]?.write(line(n));
  for (const writer of writers) writer.close();
  const all = files().flatMap((name) => linesOf(join(folder, 'logs', name)));
  expect(all.sort()).toEqual(Array.from({ length: 100 }, (_, n) => line(n).trim()));
  expect(files()).toHaveLength(20);
});

it('should write past its bound while another rotates, and take the lock of one that died', () => {
  const file = new RotatingFile({ path, maxBytes: bytesOfLine, backups: 1 });
  writeFileSync(`${path}.lock`, '');
  for (const n of [1, 2]) file.write(line(n));
  expect(linesOf(path)).toHaveLength(2);
  utimesSync(`${path}.lock`, 0, 0);
  for (const n of [3, 4]) file.write(line(n));
  file.close();
  expect(linesOf(path)).toEqual(['line 0004']);
  expect(files()).toEqual(['server.log', 'server.log.1']);
});

it('should tell once of lines that cannot be written, and stop nobody', () => {
  const errors: Error[] = [];
  const file = new RotatingFile({ path, maxBytes: 1000, backups: 1, onError: (error) => errors.push(error) });
  file.close();
  for (const n of [1, 2, 3]) file.write(line(n));
  expect(errors).toHaveLength(1);
});

it('should refuse a file that cannot be written, and say which variable names it', () => {
  writeFileSync(join(folder, 'logs'), 'a file where the folder should be');
  chmodSync(join(folder, 'logs'), 0o400);
  const opening = () => new RotatingFile({ path, maxBytes: 1000, backups: 1 });
  expect(opening).toThrow(StartError);
  expect(opening).toThrow(/LOG_FILE: cannot write to/);
});

it('should get every line of a logger as JSON, without its secrets', () => {
  const file = { path, maxBytes: 100_000, backups: 1 };
  createLogger({ level: 'info', file }).info({ password: 'hunter2', queue: 'mail' }, 'connecting');
  expect(linesOf(path).map((text) => JSON.parse(text))).toMatchObject([
    { msg: 'connecting', queue: 'mail', password: '***' },
  ]);
});
