/** Postgres: reached as a worker does, durable, and with the schema of this release. */
import type { DatabaseTarget } from '../../config/config.ts';
import { openPostgres } from '../../db/index.ts';
import { within } from '../../within.ts';
import { postgresFault } from '../postgres-cause.ts';
import { readPostgresFacts } from '../postgres-facts.ts';
import { judgePostgres, postgresFactsJson, postgresSummary } from '../postgres-findings.ts';
import { type Checked, failed } from '../report.ts';

const connectMs = 3000;
const statementMs = 3000;
/** Closing says good-bye, and a server that hangs does not answer that. */
const closeMs = 500;

/** A database of one connection, for looking only. Closed when `look` is done. */
export async function lookInto<T>(
  target: DatabaseTarget,
  look: (db: ReturnType<typeof openPostgres>) => Promise<T>,
): Promise<T> {
  const db = openPostgres({
    ...target,
    applicationName: 'millrace-doctor',
    poolMax: 1,
    acquireTimeoutMs: connectMs,
    statementTimeoutMs: statementMs,
    // the query that is under way is told it too
    onError: () => undefined,
  });
  try {
    return await look(db);
  } finally {
    await within(closeMs, db.close(), () => undefined);
  }
}

/** @param migrates whether somebody brings the schema up to date before anything needs it. */
export async function checkPostgres(
  target: DatabaseTarget,
  { migrates }: { readonly migrates: boolean },
): Promise<Checked> {
  const at = `${target.host}:${target.port}`;
  const subject = `postgres ${at}/${target.database}`;
  try {
    const facts = await lookInto(target, readPostgresFacts);
    return {
      subject,
      found: postgresSummary(facts),
      facts: postgresFactsJson(facts),
      findings: judgePostgres(at, facts, migrates),
      unseen: [],
    };
  } catch (error) {
    return failed(subject, postgresFault(target, error));
  }
}
