/** Runs hadolint over every Dockerfile. */
import { spawnSync } from 'node:child_process';
import { basename } from 'node:path';
import { trackedFiles } from './tracked-files.ts';

const dockerfiles = trackedFiles().filter((path) => basename(path) === 'Dockerfile');
const { error, status } = spawnSync('hadolint', ['--no-color', ...dockerfiles], { stdio: 'inherit' });
if (error !== undefined) console.error('hadolint was not found; run tools/setup --for check');
process.exitCode = error === undefined ? (status ?? 1) : 1;
