import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLogger } from '../telemetry/logger.ts';
import { endLeftWorker, forgetNotedWorker, noteWorker } from './left-worker.ts';

const log = createLogger({ level: 'fatal' });
const owner = randomUUID();
let home: string;
let module: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'millrace-left-'));
  module = join(home, 'idle.mjs');
  await writeFile(module, 'process.stdout.write("up"); setInterval(() => {}, 1000);');
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function idle(...args: string[]) {
  const child = spawn(process.execPath, [module, ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  if (child.pid === undefined) throw new Error('it was not started');
  return { child, pid: child.pid };
}

it('should end the worker that was noted, once, and say whose claims it held', async () => {
  const { child, pid } = await idle(home);
  const exited = once(child, 'exit');
  await noteWorker(home, { pid, owner });
  expect(await endLeftWorker(home, pathToFileURL(module), log)).toEqual({ pid, owner });
  expect(await exited).toEqual([null, 'SIGKILL']);
  expect(await endLeftWorker(home, pathToFileURL(module), log)).toBeUndefined();
});

it('should leave a process alone that has got its id, or works for another folder', async () => {
  const { child, pid } = await idle('/another/folder');
  await noteWorker(home, { pid, owner });
  expect(await endLeftWorker(home, pathToFileURL(module), log)).toEqual({ pid, owner });
  expect(child.exitCode ?? child.signalCode).toBeNull();
  await noteWorker(home, { pid, owner });
  await endLeftWorker(home, pathToFileURL(join(home, 'another.mjs')), log);
  expect(child.exitCode ?? child.signalCode).toBeNull();
  const exited = once(child, 'exit');
  child.kill();
  await exited;
});

it('should find nothing after an end in order, and nothing in half a file', async () => {
  await noteWorker(home, { pid: process.pid, owner });
  await forgetNotedWorker(home);
  expect(await endLeftWorker(home, pathToFileURL(module), log)).toBeUndefined();
  await writeFile(join(home, 'worker.json'), '{"pid": 12');
  expect(await endLeftWorker(home, pathToFileURL(module), log)).toBeUndefined();
});
