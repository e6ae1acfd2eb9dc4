/** What is logged, and where to. */
import { integer, oneOf, text } from '../variable.ts';

export const telemetry = {
  LOG_LEVEL: oneOf(
    'DEBUG',
    'INFO',
    'WARNING',
    'ERROR',
    'CRITICAL',
  )({ default: 'INFO', doc: 'The least level that is logged.' }),
  LOG_FILE: text({
    doc: 'File that gets each line of the log too, as JSON; processes may share it. In the kit: below `/app/logs`.',
  }),
  LOG_FILE_MAX_SIZE: integer(1, 10_000, 'MB')({ default: 20, doc: 'Size at which `LOG_FILE` is rotated.' }),
  LOG_FILE_BACKUP_COUNT: integer(
    1,
    1000,
    'files',
  )({ default: 5, doc: 'Rotated files that are kept: `.1` the newest.' }),
} as const;
