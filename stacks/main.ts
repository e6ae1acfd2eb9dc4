/** Synthesises the stacks; cdktf starts it (cdktf.json). */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { MillraceError } from '../worker/errors.ts';
import { App } from './cdktf.ts';
import { givenSecrets } from './given-secrets.ts';
import { readSettings, valuesOf } from './settings.ts';
import { MillraceStack, topologies } from './stack.ts';

/** EX_CONFIG of sysexits.h. */
const wrongConfiguration = 78;

try {
  const root = resolve(import.meta.dirname, '..');
  const settings = readSettings(valuesOf(process.env, join(root, 'compose/.env')));
  const given = givenSecrets(join(root, 'compose'), resolve(root, settings.keyFolder));
  const app = new App();
  const names = [...topologies, ...(settings.external === undefined ? [] : (['external'] as const))];
  for (const name of names) {
    new MillraceStack(app, { name, settings, given, root, outputFolder: resolve(app.outdir) });
  }
  app.synth();
  // Docker would make it, as root, when it mounts it; it belongs to whoever deploys.
  mkdirSync(resolve(root, settings.keyFolder), { recursive: true, mode: 0o700 });
} catch (error) {
  if (!(error instanceof MillraceError)) throw error;
  process.stderr.write(`${error.code}: ${error.message}\n${error.hint === undefined ? '' : `${error.hint}\n`}`);
  process.exitCode = wrongConfiguration;
}
