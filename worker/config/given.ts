/** What an operator may give to the one-shot `secrets`: lines of `compose/.env`, and files of `compose/external/`. */

/** Of those that stand for one secret, the more telling name first: the first that is set counts. */
export const passwordLines = {
  database: ['DB_PASSWORD', 'POSTGRES_PASSWORD'],
  redis: ['REDIS_PASSWORD'],
  sentinel: ['REDIS_SENTINEL_PASSWORD', 'CELERY_SENTINEL_PASSWORD'],
  apiKey: ['MILLRACE_API_KEY'],
} as const;

/** Secrets of services that the operator uses: taken as they are, never made. */
export const givenSecrets = ['OPENAI_API_KEY', 'OPENDAL_S3_SECRET_ACCESS_KEY'] as const;
export type GivenSecret = (typeof givenSecrets)[number];

/** Of servers that the kit does not run. */
export const externalFiles = {
  ca: 'ca.crt',
  certificate: 'client.crt',
  key: 'client.key',
  databaseCa: 'db-ca.crt',
} as const;
