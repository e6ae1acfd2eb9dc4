/** Holds the data folder named as argument until it is ended; says so on standard output. */
import { createLogger } from '../../telemetry/logger.ts';
import { openDataFolder } from '../data-folder.ts';

const folder = await openDataFolder(process.argv[2] ?? '', createLogger({ level: 'error' }));
process.stdout.write('held\n');
process.stdin.on('end', () => {
  folder.release();
  process.stdout.write('released\n');
});
process.stdin.resume();
