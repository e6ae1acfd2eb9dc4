/** Docker Engine's API on a socket of its own, for tests: one container that goes through given states. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ContainerView } from '../docker/engine.ts';

export interface Scripted {
  /** One state an inspection; the last stays. */
  readonly states: readonly Partial<ContainerView['State']>[];
  /** States from the first start or restart on. @default states */
  readonly afterStart?: readonly Partial<ContainerView['State']>[];
  readonly restartCounts?: readonly number[];
  readonly log?: string;
  /** An engine that takes the limit and does not keep it. @default true */
  readonly keepsPidsLimit?: boolean;
}

export interface ScriptedEngine extends AsyncDisposable {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** Calls but inspections, as `POST start`. */
  readonly calls: string[];
}

/** A frame of the log as the Engine sends it. */
export function logFrame(stream: 1 | 2, text: string): Buffer {
  const content = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(content.length, 4);
  return Buffer.concat([header, content]);
}

const calm: ContainerView['State'] = { Status: 'running', ExitCode: 0, OOMKilled: false, Error: '' };

export async function scriptedEngine(script: Scripted): Promise<ScriptedEngine> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-engine-'));
  const socket = join(folder, 'engine.sock');
  const calls: string[] = [];
  let states = [...script.states];
  const restarts = [...(script.restartCounts ?? [0])];
  let pidsLimit = 0;
  const next = <T>(list: T[]): T | undefined => (list.length > 1 ? list.shift() : list[0]);

  const server = createServer(async (incoming, answer) => {
    const [, action = ''] = /^\/containers\/box\/(\w+)/.exec(incoming.url ?? '') ?? [];
    if (action === 'json') {
      const view: ContainerView = {
        Name: '/box',
        RestartCount: next(restarts) ?? 0,
        HostConfig: { PidsLimit: pidsLimit },
        State: { ...calm, ...next(states) },
      };
      answer.end(JSON.stringify(view));
      return;
    }
    calls.push(`${incoming.method} ${action}`);
    if (action === 'update') {
      const { PidsLimit: limit }: { PidsLimit: number } = JSON.parse(
        Buffer.concat(await incoming.toArray()).toString(),
      );
      if (script.keepsPidsLimit ?? true) pidsLimit = limit;
      answer.end('{}');
    } else if (action === 'start' || action === 'restart') {
      states = [...(script.afterStart ?? script.states)];
      answer.writeHead(204).end();
    } else if (action === 'logs') {
      answer.end(logFrame(1, script.log ?? ''));
    } else {
      answer.writeHead(404).end('{"message":"No such container"}');
    }
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    host: `unix://${socket}`,
    calls,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
