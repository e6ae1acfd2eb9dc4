import { vectorStoreContract } from '../../../worker/services/vector/contract.ts';
import { PgVectorStore } from '../../../worker/services/vector/pgvector.ts';
import { databaseKinds } from '../../harness/databases.ts';

vectorStoreContract('pgvector on Postgres', async () => {
  const stack = new AsyncDisposableStack();
  const server = stack.use(await databaseKinds.postgres());
  const { db } = stack.use(await server.open());
  return { store: new PgVectorStore(db), twin: new PgVectorStore(db), close: () => stack.disposeAsync() };
});
