/** docs/reference/http.md, from the API's own /openapi.json. */
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { createApi } from '../../worker/api/index.ts';
import { problemKinds } from '../../worker/api/problems/catalogue.ts';
import { code, table } from './markdown.ts';
import { fieldRows, fieldsOf, type JsonSchema, typeText } from './schema-fields.ts';
import { untouched } from './untouched.ts';

interface Media {
  readonly schema?: JsonSchema;
  readonly example?: unknown;
}
type Content = Readonly<Record<string, Media>>;

interface Operation {
  readonly summary?: string;
  readonly description?: string;
  readonly tags?: readonly string[];
  readonly parameters?: readonly {
    readonly name: string;
    readonly in: 'path' | 'query';
    readonly required?: boolean;
    readonly description?: string;
    readonly schema: JsonSchema;
  }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description?: string; readonly content?: Content }>>;
}

/** The part of an OpenAPI document that the page tells. */
export interface OpenApi {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, JsonSchema>> };
}

/** The document of an API that is built and never started: its routes are described by their schemas. */
export async function openApi(): Promise<OpenApi> {
  const api = await createApi({
    settings: { uploadLimitBytes: 200_000_000, rateLimit: 0 },
    version: '',
    db: untouched('db'),
    broker: untouched('broker'),
    enqueuer: untouched('enqueuer'),
    registry: untouched('registry'),
    notDurable: untouched('notDurable'),
    live: untouched('live'),
    hub: untouched('hub'),
    limits: untouched('limits'),
    storage: untouched('storage'),
    embedder: untouched('embedder'),
    vectorStore: untouched('vectorStore'),
    log: pino({ level: 'silent' }),
    metrics: new Registry(),
    readiness: () => Promise.reject(new Error('nothing is asked')),
    workers: () => Promise.reject(new Error('nothing is asked')),
  });
  try {
    return JSON.parse(JSON.stringify(api.swagger()));
  } finally {
    await api.close();
  }
}

const intro = `The same, for programs, stands at \`/openapi.json\` of every process with an API. \`/healthz\`, \`/readyz\`, \`/metrics\` and
\`/openapi.json\` are open; everything under \`/v1\` wants \`Authorization: Bearer <key>\`. A key acts for one tenant, and what belongs to
another tenant answers 404. Ids are UUIDs. Timestamps of tasks are ISO 8601 in UTC; those of datasets, documents and segments are seconds since
1970, as in Dify. Paths below stand with their parameters in braces.

Errors are \`application/problem+json\` in the shape of [Problem](#problem); \`code\` is stable, and a 400 lists every field that is
wrong. Not repeated below: every call under \`/v1\` can answer 401, 429, 500 and 503. A 503 says whether anything was accepted.
[Error codes](#error-codes) lists them all.

Besides what is listed, \`create_by_text\` and \`create_by_file\` are taken as other spellings of \`create-by-text\` and \`create-by-file\`.
Workflows and triggers are not there yet.`;

/** Answers that every call under /v1 may give. */
const everywhere = new Set(['401', '429', '500', '503']);

function answerText(content: Content | undefined): string {
  const [media, { schema = {} } = {}] = Object.entries(content ?? {})[0] ?? [];
  if (media === undefined || schema.type === 'null') return 'nothing';
  if (media !== 'application/json') return code(media);
  if (schema.type !== 'object' || schema.properties === undefined) return typeText(schema);
  return Object.entries(schema.properties)
    .map(([name, member]) => `${code(name)}: ${typeText(member)}`)
    .join('; ');
}

function operationSection(method: string, path: string, operation: Operation): string {
  const { summary, description, parameters = [], requestBody, responses } = operation;
  const parts = [`### ${method.toUpperCase()} ${path}`, `${summary ?? ''}.`];
  if (description !== undefined) parts.push(description);
  if (parameters.length > 0) {
    const rows = parameters.map((parameter) => [
      code(parameter.name),
      parameter.in,
      typeText(parameter.schema),
      parameter.required ? 'yes' : '',
      parameter.description ?? parameter.schema.description ?? '',
    ]);
    parts.push(table(['parameter', 'in', 'type', 'required', 'meaning'], rows));
  }
  for (const [media, { schema = {}, example }] of Object.entries(requestBody?.content ?? {})) {
    parts.push(`Body, ${code(media)}:`, table(['field', 'type', 'required', 'meaning'], fieldRows(fieldsOf(schema))));
    if (example !== undefined) parts.push(['```json', JSON.stringify(example, null, 2), '```'].join('\n'));
  }
  const open = !path.startsWith('/v1/');
  const answers = Object.entries(responses).filter(([status]) => Number(status) < 400 || open);
  parts.push(
    table(
      ['answer', 'holds'],
      answers.map(([status, { content }]) => [status, answerText(content)]),
    ),
  );
  const errors = Object.keys(responses).filter((status) => Number(status) >= 400 && !everywhere.has(status));
  if (errors.length > 0 && !open) parts.push(`Errors besides: ${errors.join(', ')}.`);
  return parts.join('\n\n');
}

function schemaSection(name: string, schema: JsonSchema): string {
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants !== undefined) {
    const tables = variants.map((variant) =>
      table(['field', 'type', 'required', 'meaning'], fieldRows(fieldsOf(variant))),
    );
    return [`### ${name}`, `${schema.description ?? ''} One of these shapes:`.trim(), ...tables].join('\n\n');
  }
  return [`### ${name}`, table(['field', 'type', 'always there', 'meaning'], fieldRows(fieldsOf(schema)))].join('\n\n');
}

const states = `A task waits as \`PENDING\` (in the ledger), \`QUEUED\` (handed to Redis too) or \`RETRYING\` (an attempt failed, the next has its time),
runs as \`RUNNING\`, and ends as one of \`COMPLETED\`, \`FAILED\`, \`TIMED_OUT\`, \`CANCELLED\` or \`EXPIRED\`. An end is final, but for a dead
letter that is retried. \`TIMED_OUT\` means that an attempt took longer than the task's [time limit](tasks.md); it is not retried by itself.`;

const errorCodes = () =>
  table(
    ['status', 'code', 'title'],
    Object.entries(problemKinds).map(([name, { status, title }]) => [String(status), code(name), title]),
  );

export function httpPage({ paths, components }: OpenApi): string {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ tag: operation.tags?.[0] ?? '', method, path, operation })),
  );
  const families = [...Map.groupBy(operations, ({ tag }) => tag)].map(([tag, members]) =>
    [
      `## ${tag.charAt(0).toUpperCase()}${tag.slice(1)}`,
      ...members.map(({ method, path, operation }) => operationSection(method, path, operation)),
    ].join('\n\n'),
  );
  const shapes = Object.entries(components.schemas).map(([name, schema]) => schemaSection(name, schema));
  return [
    '# HTTP',
    intro,
    ...families,
    '## Task states',
    states,
    '## Shapes',
    ...shapes,
    '## Error codes',
    errorCodes(),
  ].join('\n\n');
}
