/** Vector stores. */
export { PgVectorStore } from './pgvector.ts';
export {
  maxPointsPerCall,
  VectorError,
  type VectorHit,
  type VectorPoint,
  type VectorQuery,
  type VectorStore,
} from './store.ts';
