/**
 * Full-text search. Both sides, segments and queries, go through `searchWords` (which cuts Chinese and Japanese into words and drops
 * stop words) and then through Postgres' `english` configuration, whose stemmer brings "refunds" and "refunded" to "refund" and
 * leaves words of other scripts as they are.
 */
import type { Queryable } from '../../db/index.ts';
import { searchWords } from '../search-text/words.ts';
import type { SearchScope, SegmentHit } from './hit.ts';
import { fromSearchableSegments } from './searchable.ts';

/** Words of a query that are looked at; a longer query's first words say enough. */
const maxQueryWords = 64;

/** The value of `segments.search`, from a parameter (`$7`) that holds a segment's `searchText`. */
export function segmentSearchVectorSql(param: string): string {
  return `to_tsvector('english'::regconfig, ${param})`;
}

/**
 * Segments with any word of the query, best first. The score is the share of the query's words that a segment has, each
 * word weighted by its rarity among what was found (the idf of BM25, with 1 added so that no word counts nothing), and up
 * to a fifth of it by how often and how densely they occur (`ts_rank_cd`, divided by the logarithm of the length).
 */
export async function fullTextSearch(
  db: Queryable,
  scope: SearchScope,
  query: string,
  limit: number,
): Promise<SegmentHit[]> {
  const words = [...new Set(searchWords(query))].slice(0, maxQueryWords);
  if (words.length === 0) return [];
  const rows = await db.query<{ id: string; score: number }>(
    `with words as materialized (
       -- a lexeme in quotes is one operand, whatever stands in it
       select lexeme, ('''' || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || '''')::tsquery as word
         from unnest(${segmentSearchVectorSql('$3::text')})
     ), any_word as materialized (
       select string_agg(word::text, ' | ')::tsquery as query from words
     ), matched as materialized (
       -- without positions the vector is small, and unpacked once instead of once a word
       select s.id, strip(s.search) as terms, ts_rank_cd(s.search, (select query from any_word), 1)::float8 as density
         ${fromSearchableSegments} and s.search @@ (select query from any_word)
     ), found as (
       select m.id, w.lexeme from matched m join words w on m.terms @@ w.word
     ), weights as (
       select w.lexeme,
              case when count(f.id) = 0 then 1
                   else 1 + ln(1 + ((select count(*) from matched)::float8 - count(f.id) + 0.5) / (count(f.id) + 0.5)) end as weight
         from words w left join found f on f.lexeme = w.lexeme group by w.lexeme
     ), covered as (
       select f.id, sum(w.weight) / (select sum(weight) from weights) as coverage
         from found f join weights w on w.lexeme = f.lexeme group by f.id
     )
     select id, (coverage * (0.8 + 0.2 * density / (density + 0.1)))::float8 as score
       from covered join matched using (id) order by score desc, id limit $4::int`,
    [scope.tenantId, scope.datasetId, words.join(' '), limit],
  );
  return rows.map(({ id, score }) => ({ segmentId: id, score, children: [] }));
}
