/** The few calls of the Docker Engine API that a gate needs (API 1.41 and later). */
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { MillraceError } from '../../worker/errors.ts';
import type { Endpoint } from './endpoint.ts';
import { logText } from './log-text.ts';

/** What of `GET /containers/{id}/json` a gate reads. */
export interface ContainerView {
  readonly Name: string;
  readonly RestartCount: number;
  readonly HostConfig: { readonly PidsLimit?: number | null };
  readonly State: {
    readonly Status: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error: string;
    readonly Health?: {
      readonly Status: 'none' | 'starting' | 'healthy' | 'unhealthy';
      readonly Log?: readonly { readonly ExitCode: number; readonly Output: string }[] | null;
    };
  };
}

export interface Engine {
  inspect(container: string): Promise<ContainerView>;
  start(container: string): Promise<void>;
  /** Stops it with its own grace period, then starts it. */
  restart(container: string): Promise<void>;
  setPidsLimit(container: string, limit: number): Promise<void>;
  /** The last lines of what it wrote to both streams. */
  logs(container: string, lines: number): Promise<string>;
}

/** An answer that does not come in this time will not come; a restart takes up to the container's own grace period. */
const answerWithinMs = 15_000;
const restartWithinMs = 120_000;
/** Beyond this an answer is no longer one of the Engine's. */
const maxAnswerBytes = 8 * 1024 * 1024;

interface Call {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: unknown;
  readonly withinMs?: number;
}

/** Sends one request. @throws MillraceError `docker_unreachable`, `docker_refused` */
async function send(endpoint: Endpoint, { method, path, body, withinMs = answerWithinMs }: Call): Promise<Buffer> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const { status, content } = await new Promise<{ status: number; content: Buffer }>((resolve, reject) => {
    const outgoing = (endpoint.tls ? tlsRequest : plainRequest)(
      {
        ...endpoint.options,
        method,
        path,
        signal: AbortSignal.timeout(withinMs),
        headers: {
          host: endpoint.options.host ?? 'docker',
          ...(payload === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        },
      },
      (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > maxAnswerBytes) answer.destroy(new Error(`the answer is larger than ${maxAnswerBytes} bytes`));
          else chunks.push(chunk);
        });
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, content: Buffer.concat(chunks) }));
      },
    );
    outgoing.on('error', reject);
    outgoing.end(payload);
  }).catch((cause: unknown) => {
    throw new MillraceError({
      code: 'docker_unreachable',
      message: `Docker Engine did not answer ${method} ${path} within ${withinMs / 1000} s.`,
      hint: 'See that Docker runs (`docker version`); another address than the default is named by DOCKER_HOST.',
      cause,
    });
  });
  // 304: it is in that state already
  if ((status >= 200 && status < 300) || status === 304) return content;
  throw new MillraceError({
    code: 'docker_refused',
    message: `Docker Engine answered ${method} ${path} with ${status}: ${content.toString('utf8').trim().slice(0, 500)}`,
  });
}

/** The Engine at an address. */
export function dockerEngine(endpoint: Endpoint): Engine {
  const of = (container: string) => `/containers/${encodeURIComponent(container)}`;
  return {
    async inspect(container) {
      const content = await send(endpoint, { method: 'GET', path: `${of(container)}/json` });
      const view: ContainerView = JSON.parse(content.toString('utf8'));
      return view;
    },
    async start(container) {
      await send(endpoint, { method: 'POST', path: `${of(container)}/start` });
    },
    async restart(container) {
      await send(endpoint, { method: 'POST', path: `${of(container)}/restart`, withinMs: restartWithinMs });
    },
    async setPidsLimit(container, limit) {
      await send(endpoint, { method: 'POST', path: `${of(container)}/update`, body: { PidsLimit: limit } });
    },
    async logs(container, lines) {
      return logText(
        await send(endpoint, { method: 'GET', path: `${of(container)}/logs?stdout=1&stderr=1&tail=${lines}` }),
      );
    },
  };
}
