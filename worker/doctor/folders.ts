/** Folders that a start makes: looking must not. */
import { access, constants } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errorText } from '../errors.ts';
import { sentence } from './causes.ts';
import { type Checked, failed, fault } from './report.ts';

export const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Whether the folder could be made. @param variable says where it is to be. */
export async function notMadeYet(subject: string, folder: string, variable: string): Promise<Checked> {
  let parent = dirname(folder);
  while (!(await isThere(parent)) && parent !== dirname(parent)) parent = dirname(parent);
  try {
    await access(parent, constants.W_OK | constants.X_OK);
    return { subject, found: 'not there yet: made at the first start', facts: { folder }, findings: [], unseen: [] };
  } catch (error) {
    return failed(
      subject,
      fault(
        'folder_unwritable',
        sentence(`The folder ${folder} cannot be made: ${errorText(error)}`),
        `Give ${variable} a folder that this user owns.`,
      ),
    );
  }
}
