/** Every SQL statement that the docs show runs on the schema as it is. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fencesOf } from '../../../tools/docs/markdown.ts';
import { markdownPages } from '../../../tools/docs/pages-on-disk.ts';
import { databaseKinds, type TestDatabase } from '../../harness/databases.ts';

const statements = markdownPages().flatMap(({ file, text }) =>
  fencesOf(text)
    .filter((fence) => fence.language === 'sql')
    .flatMap((fence) => fence.text.split(/;\s*$/m))
    .map((sql) => ({ file, sql: sql.trim() }))
    .filter(({ sql }) => sql !== ''),
);

describe('SQL in the docs', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await (await databaseKinds.pglite()).open();
  });
  afterAll(async () => database?.[Symbol.asyncDispose]());

  it('should be there', () => {
    expect(statements.length).toBeGreaterThan(4);
  });

  it.each(statements)('should run: $sql', async ({ sql }) => {
    await expect(database.db.query(sql)).resolves.toBeInstanceOf(Array);
  });
});
