/** Where files are stored. */
import { oneOf, text } from '../variable.ts';

export const storage = {
  STORAGE_TYPE: oneOf('opendal')({ default: 'opendal', doc: 'How files are stored.' }),
  OPENDAL_SCHEME: text({
    default: 'fs',
    doc: 'OpenDAL service: `fs`, `s3`, …. Its own options are given as `OPENDAL_<SCHEME>_<OPTION>`, as `OPENDAL_S3_BUCKET`.',
  }),
  OPENDAL_FS_ROOT: text({
    doc: 'Folder of the `fs` service. Unset: `$MILLRACE_HOME/storage` in mode `all`, else `storage`.',
  }),
} as const;
