/** Makes the database in the folder named as argument, as a start does: for a test that kills it half-way. */
import { ensurePgliteFolder } from '../pglite-folder.ts';

await ensurePgliteFolder(process.argv[2] ?? '');
