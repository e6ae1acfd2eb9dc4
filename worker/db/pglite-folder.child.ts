/**
 * Makes a new PGlite database in the folder named as argument, then ends. Started by `pglite-folder.ts`, which says why.
 * Exit code 0: it is there and was shut down in order. Otherwise the reason stands on standard error.
 */
import { errorText } from '../errors.ts';
import { startParameters } from './pglite-parameters.ts';

const [folder] = process.argv.slice(2);
// Ctrl-C in a terminal reaches this process too: whoever started it decides, and this takes seconds.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
// nobody waits for it any more
process.on('disconnect', () => process.exit(1));

try {
  if (folder === undefined) throw new Error('no folder was named');
  const { PGlite } = await import('@electric-sql/pglite');
  const lite = await PGlite.create(folder, { startParams: startParameters(PGlite.defaultStartParams) });
  await lite.close();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${errorText(error)}\n`, () => process.exit(1));
}
