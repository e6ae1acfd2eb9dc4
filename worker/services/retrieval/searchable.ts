/** Which segments a search may return, in one place: every method joins through this. */

/**
 * `from … where …` over segments `s` of documents `d`; `$1` is the tenant and `$2` the dataset. Segments of a document that
 * is being indexed anew, switched off, archived or deleted, and those of a former generation, are out.
 */
export const fromSearchableSegments = `
  from segments s
  join documents d on d.id = s.document_id
  join datasets k on k.id = s.dataset_id
 where s.tenant_id = $1 and s.dataset_id = $2 and d.tenant_id = $1 and k.tenant_id = $1
   and s.status = 'completed' and s.enabled and s.generation = d.generation
   and d.indexing_status = 'completed' and d.enabled and not d.archived and d.deleted_at is null and k.deleted_at is null`;
