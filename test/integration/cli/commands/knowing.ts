/** Commands that index documents and ask them. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { documentsFolder } from '../../../fixtures/questions.ts';
import { type CommandStage, refused } from './stage.ts';

export function knowingCommands(t: CommandStage): void {
  describe('index, ask', () => {
    it('should index files, show how far it is, and find what answers', { timeout: 60_000 }, async () => {
      const file = join(t.folder, 'mill.txt');
      await writeFile(file, 'The mill stands still on Sundays.\n\nThe wheel has 340 slates.');
      const indexed = await t.run([
        'index',
        file,
        fileURLToPath(new URL('morning-start.txt', documentsFolder)),
        '--dataset',
        'cli',
      ]);
      expect(indexed).toMatchObject({ code: 0, stderr: '' });
      expect(indexed.stdout).toMatch(/^mill\.txt +completed 1\/1 segments$/m);
      expect(indexed.stdout).toMatch(/^mill\.txt +completed +1$/m);
      const answer = await t.run(['ask', 'how', 'many', 'slates', '--dataset', 'cli', '--top', '1']);
      expect(answer).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^0\.\d+ {2}mill\.txt\n {2}The mill .* 340 slates\.\n$/),
      });
      expect((await t.json('ask', 'slates', '--dataset', 'cli', '--method', 'full_text_search')).records).toHaveLength(
        1,
      );
      const bars = await t.run(['index', file, '--dataset', 'cli'], { terminal: { columns: 120 } });
      expect(bars).toMatchObject({ code: 0, stdout: expect.stringMatching(/mill\.txt +█{24} completed 1\/1/) });
    });

    it('should say what cannot be indexed or asked, and send nothing of it', async () => {
      const empty = join(t.folder, 'empty.txt');
      await writeFile(empty, ' ');
      expect(await t.run(['index', empty, join(t.folder, 'nowhere.txt'), '--dataset', 'cli'])).toEqual(
        refused(2, 'file_unreadable'),
      );
      expect(await t.run(['index', t.folder, '--dataset', 'cli'])).toEqual(refused(2, 'file_unreadable'));
      const failed = await t.run(['index', empty, '--dataset', 'cli']);
      expect(failed).toMatchObject({ code: 1, stdout: expect.stringMatching(/^empty\.txt +error .*document_\w+: /m) });
      expect(await t.json('index', empty, '--dataset', 'cli', '--no-wait')).toMatchObject({
        documents: [{ name: 'empty.txt' }],
      });
      expect(await t.run(['ask', 'slates', '--dataset', 'none'])).toEqual(refused(1, 'dataset_not_found'));
    });
  });
}
