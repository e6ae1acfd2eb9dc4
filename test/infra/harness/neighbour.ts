/** Somebody on a private address who answers HTTP on port 80: what a worker must not reach, unless the operator names it. */
import { docker } from './docker.ts';

export interface Neighbour extends AsyncDisposable {
  /** By which whoever shares a network with it finds it. */
  readonly name: string;
  readonly address: string;
}

const server = `require('node:http').createServer((_, answer) => answer.end('neighbour')).listen(80, () => console.log('ready'))`;

/** @param network that the proxy has, and a worker has not */
export async function neighbourOn(network: string, image: string): Promise<Neighbour> {
  const name = `${network}-neighbour`.replaceAll('_', '-');
  await docker(['run', '--detach', '--name', name, '--network', network, '--entrypoint', 'node', image, '-e', server]);
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  return {
    name,
    address: (await docker(['inspect', '--format', format, name])).trim(),
    async [Symbol.asyncDispose]() {
      await docker(['rm', '--force', name]);
    },
  };
}

/** How a service gets there: straight, and as its HTTP client goes by its environment. */
export interface Reached {
  readonly direct: 'connected' | 'refused';
  readonly status: number | string;
}

const probe = `
const net = require('node:net'), http = require('node:http'), host = process.argv[1];
const direct = new Promise((done) => {
  const socket = net.connect({ host, port: 80, timeout: 5000 });
  for (const event of ['connect', 'error', 'timeout']) socket.on(event, () => done(event === 'connect' ? 'connected' : 'refused'));
});
const status = new Promise((done) => {
  http.get({ host, path: '/', timeout: 20000 }, ({ statusCode }) => done(statusCode)).on('error', ({ code }) => done(code));
});
Promise.all([direct, status]).then(([direct, status]) => {
  console.log(JSON.stringify({ direct, status }));
  process.exit();
});`;

/** @param exec runs a command in the container of a service */
export async function reach(exec: (...command: string[]) => Promise<string>, host: string): Promise<Reached> {
  return JSON.parse(await exec('node', '-e', probe, host)) as Reached;
}
