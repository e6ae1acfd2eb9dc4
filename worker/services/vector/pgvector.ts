/**
 * The driver for pgvector, in Millrace's own database: one table a number of dimensions (`vectors_512`), so that each has an
 * index of its own and vectors commit together with the rows they belong to.
 */
import { type Database, type Queryable, sqlState, type Transaction } from '../../db/index.ts';
import {
  checkPoints,
  checkQuery,
  type DatasetScope,
  type DocumentScope,
  VectorError,
  type VectorHit,
  type VectorPoint,
  type VectorQuery,
  type VectorStore,
} from './store.ts';

/** Up to here HNSW indexes `vector` (float32); beyond, up to `maxDimensions`, only `halfvec` (float16). Limits of pgvector. */
const maxFloatDimensions = 2_000;
const maxDimensions = 4_000;
/** Any constant serves, so long as every release uses the same. The dimensions are the lock's second half. */
const collectionLockKey = 1_836_213_875;
/** What HNSW looks at by default and at most. More finds more of the true neighbours. */
const minSearchBreadth = 100;
const maxSearchBreadth = 1_000;
const undefinedTable = '42P01';

interface HitRow {
  readonly id: string;
  readonly segment_id: string;
  readonly document_id: string;
  readonly child_id: string | null;
  readonly score: number;
}

export class PgVectorStore implements VectorStore {
  private readonly db: Database;
  private readonly ensured = new Set<number>();

  constructor(db: Database) {
    this.db = db;
  }

  async ensureCollection(dimensions: number): Promise<void> {
    if (this.ensured.has(dimensions)) return;
    if (!Number.isInteger(dimensions) || dimensions < 1 || dimensions > maxDimensions) {
      throw new VectorError({
        code: 'vector_dimensions_unsupported',
        message: `pgvector indexes vectors of 1 to ${maxDimensions} dimensions; these have ${dimensions}.`,
        hint: 'Choose an embedding model with fewer dimensions, or ask it for fewer if it can shorten its vectors.',
      });
    }
    const table = tableOf(dimensions);
    await this.db.tx(async (tx) => {
      await tx.query('select pg_advisory_xact_lock($1::int, $2::int)', [collectionLockKey, dimensions]);
      const [found] = await tx.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [table]);
      if (found?.exists) return;
      await tx.script(`
        create table ${table} (
          id uuid primary key,
          tenant_id uuid not null,
          dataset_id uuid not null,
          document_id uuid not null,
          segment_id uuid not null,
          child_id uuid,
          enabled boolean not null default true,
          embedding ${typeOf(dimensions)}(${dimensions}) not null
        );
        create index ${table}_dataset on ${table} (tenant_id, dataset_id);
        create index ${table}_document on ${table} (document_id);
        create index ${table}_embedding on ${table} using hnsw (embedding ${typeOf(dimensions)}_cosine_ops);`);
    });
    this.ensured.add(dimensions);
  }

  async upsert(points: readonly VectorPoint[], tx?: Transaction): Promise<void> {
    checkPoints(points);
    const dimensions = points[0]?.vector.length;
    if (dimensions === undefined) return;
    // Sorted, so that two writers of the same points do not wait for each other in a ring.
    const sorted = points.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    try {
      await (tx ?? this.db).query(
        `insert into ${tableOf(dimensions)} as stored
           (id, tenant_id, dataset_id, document_id, segment_id, child_id, embedding)
         select id, tenant_id, dataset_id, document_id, segment_id, nullif(child_id, '')::uuid, embedding::${typeOf(dimensions)}
           from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[])
             as point (id, tenant_id, dataset_id, document_id, segment_id, child_id, embedding)
         on conflict (id) do update set
           dataset_id = excluded.dataset_id, document_id = excluded.document_id, segment_id = excluded.segment_id,
           child_id = excluded.child_id, embedding = excluded.embedding, enabled = true
         where stored.tenant_id = excluded.tenant_id`,
        [
          sorted.map((point) => point.id),
          sorted.map((point) => point.tenantId),
          sorted.map((point) => point.datasetId),
          sorted.map((point) => point.documentId),
          sorted.map((point) => point.segmentId),
          sorted.map((point) => point.childId ?? ''),
          sorted.map((point) => literal(point.vector)),
        ],
      );
    } catch (error) {
      if (sqlState(error) !== undefinedTable) throw error;
      throw new VectorError({
        code: 'vector_collection_missing',
        message: `There is no collection for vectors of ${dimensions} dimensions.`,
        hint: 'Call ensureCollection before the first upsert.',
        cause: error,
      });
    }
  }

  async deletePoints(tenantId: string, pointIds: readonly string[], tx?: Transaction): Promise<void> {
    if (pointIds.length === 0) return;
    await this.onEveryTable(tx, (on, table) =>
      on.query(`delete from ${table} where tenant_id = $1 and id = any ($2::uuid[])`, [tenantId, pointIds]),
    );
  }

  async deleteByDocument({ tenantId, documentId }: DocumentScope, tx?: Transaction): Promise<void> {
    await this.onEveryTable(tx, (on, table) =>
      on.query(`delete from ${table} where tenant_id = $1 and document_id = $2`, [tenantId, documentId]),
    );
  }

  async deleteByDataset({ tenantId, datasetId }: DatasetScope, tx?: Transaction): Promise<void> {
    await this.onEveryTable(tx, (on, table) =>
      on.query(`delete from ${table} where tenant_id = $1 and dataset_id = $2`, [tenantId, datasetId]),
    );
  }

  async setEnabled({ tenantId, documentId }: DocumentScope, enabled: boolean, tx?: Transaction): Promise<void> {
    await this.onEveryTable(tx, (on, table) =>
      on.query(`update ${table} set enabled = $3 where tenant_id = $1 and document_id = $2 and enabled <> $3`, [
        tenantId,
        documentId,
        enabled,
      ]),
    );
  }

  async search(query: VectorQuery): Promise<VectorHit[]> {
    checkQuery(query);
    const dimensions = query.vector.length;
    if (!this.ensured.has(dimensions)) {
      const [found] = await this.db.query<{ exists: boolean }>('select to_regclass($1) is not null as exists', [
        tableOf(dimensions),
      ]);
      if (!found?.exists) return [];
      this.ensured.add(dimensions);
    }
    const rows = await this.db.tx((tx) => nearest(tx, query));
    return rows.map((row) => ({
      pointId: row.id,
      segmentId: row.segment_id,
      documentId: row.document_id,
      ...(row.child_id === null ? {} : { childId: row.child_id }),
      score: row.score,
    }));
  }

  private async onEveryTable(tx: Transaction | undefined, work: (on: Queryable, table: string) => Promise<unknown>) {
    const on = tx ?? this.db;
    const tables = await on.query<{ name: string }>(
      `select relname as name from pg_class
        where relnamespace = current_schema()::regnamespace and relkind = 'r' and relname ~ '^vectors_[0-9]+$'
        order by relname`,
    );
    for (const { name } of tables) await work(on, name);
  }
}

/**
 * The nearest points by the index, which goes on scanning until the filter has let enough through
 * (`hnsw.iterative_scan`). The scan has a limit of its own, which a small dataset in a large table can meet: when fewer than
 * `topK` come back, the dataset's own index is scanned instead, exactly.
 */
async function nearest(tx: Transaction, { tenantId, datasetId, vector, topK, scoreThreshold }: VectorQuery) {
  const type = typeOf(vector.length);
  const breadth = Math.min(maxSearchBreadth, Math.max(minSearchBreadth, topK));
  await tx.query(
    `select set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.ef_search', $1, true)`,
    [String(breadth)],
  );
  const read = () =>
    tx.query<HitRow>(
      `select id, segment_id, document_id, child_id, greatest(0, least(1, 1 - distance))::float8 as score
         from (select id, segment_id, document_id, child_id, embedding <=> $1::${type} as distance
                 from ${tableOf(vector.length)}
                where tenant_id = $2 and dataset_id = $3 and enabled
                order by embedding <=> $1::${type}
                limit $4::int) as near
        order by distance, id`,
      [literal(vector), tenantId, datasetId, topK],
    );
  let rows = await read();
  if (rows.length < topK) {
    // HNSW is read by plain index scans only, so this leaves bitmap scans of the other indexes.
    await tx.query(`select set_config('enable_indexscan', 'off', true)`);
    rows = await read();
  }
  return scoreThreshold === undefined ? rows : rows.filter((row) => row.score >= scoreThreshold);
}

/** `dimensions` is an integer in range here: it comes from a typed array's length or was checked. */
function tableOf(dimensions: number): string {
  return `vectors_${dimensions}`;
}

function typeOf(dimensions: number): 'vector' | 'halfvec' {
  return dimensions > maxFloatDimensions ? 'halfvec' : 'vector';
}

function literal(vector: Float32Array): string {
  return `[${vector.join(',')}]`;
}
