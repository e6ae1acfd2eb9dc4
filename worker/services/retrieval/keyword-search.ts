/** Search over the keywords of segments: all there is in `economy` datasets, which have no vectors. */
import type { Queryable } from '../../db/index.ts';
import { keywords, searchWords } from '../search-text/words.ts';
import type { SearchScope, SegmentHit } from './hit.ts';
import { fromSearchableSegments } from './searchable.ts';

const maxQueryKeywords = 16;
/** English words that may have another ending. Shorter ones change their meaning when cut. */
const inflected = /^[a-z]{4,}$/;

/** Segments with any keyword of the query, best first; the score is the share of the query's keywords that a segment has. */
export async function keywordSearch(
  db: Queryable,
  scope: SearchScope,
  query: string,
  limit: number,
): Promise<SegmentHit[]> {
  const telling = keywords(query, maxQueryKeywords);
  const asked = telling.length > 0 ? telling : [...new Set(searchWords(query))].slice(0, maxQueryKeywords);
  if (asked.length === 0) return [];
  const forms = asked.flatMap((word, n) => wordForms(word).map((form) => ({ form, n })));
  const rows = await db.query<{ id: string; score: number }>(
    `with asked as (select form, n from unnest($3::text[], $4::int[]) as t (form, n))
     select s.id, ((select count(distinct n) from asked where form = any (s.keywords))::float8 / $5::int) as score
       ${fromSearchableSegments} and s.keywords && $3::text[]
      order by score desc, s.id limit $6::int`,
    [scope.tenantId, scope.datasetId, forms.map(({ form }) => form), forms.map(({ n }) => n), asked.length, limit],
  );
  return rows.map(({ id, score }) => ({ segmentId: id, score, children: [] }));
}

/** The word with its likely singular and plural: keywords are kept as they stand in the text. */
export function wordForms(word: string): string[] {
  if (!inflected.test(word)) return [word];
  const forms = new Set([word, `${word}s`, `${word}es`]);
  if (word.endsWith('y')) forms.add(`${word.slice(0, -1)}ies`);
  if (word.endsWith('ies')) forms.add(`${word.slice(0, -3)}y`);
  if (word.endsWith('es')) forms.add(word.slice(0, -2));
  if (word.endsWith('s') && !word.endsWith('ss')) forms.add(word.slice(0, -1));
  return [...forms];
}
