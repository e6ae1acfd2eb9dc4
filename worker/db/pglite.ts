/**
 * The PGlite driver: Postgres in this process, for the embedded default. One session, so transactions run one after another;
 * without fsync, so what is committed survives the death of the process, not a power cut. PGlite does not lock its folder:
 * the caller holds the lock on the data folder (`worker/embedded/data-folder.ts`).
 */
import { setImmediate } from 'node:timers/promises';
import type { PGlite } from '@electric-sql/pglite';
import { StartError } from '../errors.ts';
import { type Database, guard, type Row, type SqlValue, type Transaction } from './database.ts';
import { ensurePgliteFolder } from './pglite-folder.ts';
import { startParameters } from './pglite-parameters.ts';

/**
 * Opens (or makes) the database in `folder`; `undefined` keeps it in memory.
 * @throws StartError `database_unreadable`, `database_not_made`
 */
export async function openPglite(folder: string | undefined): Promise<Database> {
  if (folder !== undefined) await ensurePgliteFolder(folder);
  // loaded here: a worker beside Postgres does not pay for it
  const [pglite, { vector }] = await Promise.all([
    import('@electric-sql/pglite'),
    import('@electric-sql/pglite-pgvector'),
  ]);
  const options = {
    extensions: { vector },
    parsers: { [pglite.types.INT8]: Number },
    startParams: startParameters(pglite.PGlite.defaultStartParams),
  };
  let lite: PGlite;
  try {
    lite = folder === undefined ? await pglite.PGlite.create(options) : await pglite.PGlite.create(folder, options);
  } catch (cause) {
    throw new StartError({
      code: 'database_unreadable',
      message: `The embedded database in ${folder} cannot be opened.`,
      hint: 'Its files are damaged or of another version. Move the folder away and start again (Redis and files are kept), or restore a copy.',
      cause,
    });
  }
  // PGlite computes on this thread and answers without a turn of the event loop: a loop of queries would starve everything else.
  const run = async <R extends Row>(on: Pick<PGlite, 'query'>, text: string, params: readonly SqlValue[]) => {
    const { rows } = await on.query<R>(text, [...params]);
    await setImmediate();
    return rows;
  };
  return guard({
    driver: 'pglite',
    query: (text, params) => run(lite, text, params),
    transaction: (work) =>
      lite.transaction((inner) => {
        const tx: Transaction = {
          query: (text, params = []) => run(inner as Pick<PGlite, 'query'>, text, params),
          script: async (text) => {
            await inner.exec(text);
          },
        };
        return work(tx);
      }),
    close: () => lite.close(),
  });
}
