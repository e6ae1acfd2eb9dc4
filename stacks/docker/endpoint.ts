/** Where Docker Engine listens, from `DOCKER_HOST` and its companions, as Docker's own commands understand them. */
import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';
import { StartError } from '../../worker/errors.ts';

export const defaultDockerHost = 'unix:///var/run/docker.sock';

/** What to hand to `request` of node:http or node:https. */
export interface Endpoint {
  readonly tls: boolean;
  readonly options: Pick<RequestOptions, 'socketPath' | 'host' | 'port' | 'ca' | 'cert' | 'key'>;
}

interface DockerEnvironment {
  readonly DOCKER_HOST?: string | undefined;
  readonly DOCKER_TLS_VERIFY?: string | undefined;
  readonly DOCKER_CERT_PATH?: string | undefined;
}

function certificates(folder: string | undefined): Pick<RequestOptions, 'ca' | 'cert' | 'key'> {
  if (folder === undefined || folder === '') {
    throw new StartError({
      code: 'docker_certificates_missing',
      message: 'DOCKER_TLS_VERIFY is set, and DOCKER_CERT_PATH, the folder with ca.pem, cert.pem and key.pem, is not.',
      hint: 'Set DOCKER_CERT_PATH, or unset DOCKER_TLS_VERIFY.',
    });
  }
  const read = (name: string) => readFileSync(join(folder, name));
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem') };
}

/** @throws StartError `docker_host_unknown` for an address of a kind that the gate cannot reach, such as ssh:// */
export function dockerEndpoint(environment: DockerEnvironment): Endpoint {
  const host = environment.DOCKER_HOST || defaultDockerHost;
  if (host.startsWith('unix://')) return { tls: false, options: { socketPath: host.slice('unix://'.length) } };
  if (host.startsWith('npipe://')) return { tls: false, options: { socketPath: host.slice('npipe://'.length) } };
  const address = /^(?:tcp|http|https):\/\//.test(host) ? new URL(host.replace(/^tcp:/, 'http:')) : undefined;
  if (address === undefined) {
    throw new StartError({
      code: 'docker_host_unknown',
      message: `DOCKER_HOST is "${host}"; expected an address that begins with unix://, npipe://, tcp://, http:// or https://.`,
      hint: 'Forward the socket of a far engine to this machine, for example by `ssh -L`, and name it as unix://.',
    });
  }
  const tls = address.protocol === 'https:' || Boolean(environment.DOCKER_TLS_VERIFY);
  const port = address.port === '' ? (tls ? 2376 : 2375) : Number(address.port);
  return {
    tls,
    options: { host: address.hostname, port, ...(tls ? certificates(environment.DOCKER_CERT_PATH) : {}) },
  };
}
