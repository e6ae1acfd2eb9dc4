/** Where files go: written to and cleaned up again, as an upload would. */
import type { Config } from '../../config/config.ts';
import { errorText, MillraceError } from '../../errors.ts';
import { openStorage } from '../../services/storage/storage.ts';
import { faultOf, sentence } from '../causes.ts';
import { isThere, notMadeYet } from '../folders.ts';
import { type Checked, failed, fault } from '../report.ts';

export async function checkStorage({ storage }: Config): Promise<Checked> {
  const root = storage.scheme === 'fs' ? storage.options.root : undefined;
  const subject = `storage ${root ?? storage.scheme}`;
  const facts = { scheme: storage.scheme, root: root ?? null };
  if (root !== undefined && !(await isThere(root))) return notMadeYet(subject, root, 'OPENDAL_FS_ROOT');
  try {
    const opened = await openStorage(storage);
    await opened.check();
  } catch (error) {
    return failed(subject, storageFault(error, subject));
  }
  return { subject, found: 'written and deleted a file', facts, findings: [], unseen: [] };
}

function storageFault(error: unknown, subject: string) {
  if (error instanceof MillraceError) return faultOf(error);
  return fault(
    'storage_failed',
    sentence(`${subject} failed: ${errorText(error)}`),
    'Check OPENDAL_SCHEME and its options.',
  );
}
