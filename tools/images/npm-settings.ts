/**
 * `npm-settings.ts FOLDER`: writes what npm needs on this machine to reach its registry, for the build stage of the
 * worker image: `npmrc` and `ca.crt`. Where npm stands at its defaults the folder is left away. What is written may be
 * secret: 0600, ignored by git, and nothing of it is printed or reaches the image's last stage.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSettings } from './npmrc.ts';

const npmTimeoutMs = 30_000;

/** What npm itself says, with its files and its environment taken together; undefined where it says nothing. */
function npmSays(name: string): string | undefined {
  const said = execFileSync('npm', ['config', 'get', name], {
    encoding: 'utf8',
    timeout: npmTimeoutMs,
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
  return said === '' || said === 'null' || said === 'undefined' ? undefined : said;
}

const textOf = (path: string | undefined) => (path && existsSync(path) ? readFileSync(path, 'utf8') : '');

const [folder] = process.argv.slice(2);
if (folder === undefined) {
  console.error('npm-settings: expected the folder to write to, instead got nothing');
  process.exit(64);
}
const { npmrc, certificates } = buildSettings({
  files: [textOf(npmSays('globalconfig')), textOf(npmSays('userconfig'))],
  said: new Map(['registry', 'proxy', 'https-proxy', 'noproxy', 'strict-ssl'].map((name) => [name, npmSays(name)])),
  ownCertificates: textOf(npmSays('cafile')),
  extraCertificates: textOf(process.env.NODE_EXTRA_CA_CERTS),
  env: process.env,
});
rmSync(folder, { recursive: true, force: true });
if (npmrc !== '' || certificates !== '') {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (npmrc !== '') writeFileSync(join(folder, 'npmrc'), npmrc, { mode: 0o600 });
  if (certificates !== '') writeFileSync(join(folder, 'ca.crt'), certificates, { mode: 0o600 });
}
