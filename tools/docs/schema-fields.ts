/** JSON Schema, as it comes of zod and of OpenAPI, told in tables for people. */
import { queueNames } from '../../worker/queues.ts';
import { taskStatuses } from '../../worker/runtime/index.ts';
import { code } from './markdown.ts';

/** The part of JSON Schema that the schemas of Millrace use. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

export interface Field {
  /** As `rules.segmentation.max_tokens`; `[]` stands for each entry of a list. */
  readonly path: string;
  readonly type: string;
  readonly required: boolean;
  readonly description: string;
}

/** Bounds that only say "an integer that JavaScript holds" are left out. */
const isBound = (value: number | undefined): value is number =>
  value !== undefined && Math.abs(value) !== Number.MAX_SAFE_INTEGER;

function range(least: number | undefined, most: number | undefined, unit = ''): string {
  if (isBound(least) && isBound(most)) return `, ${least} to ${most}${unit}`;
  if (isBound(least) && least > 0) return `, at least ${least}${unit}`;
  if (isBound(least)) return `, ${least} or more${unit}`;
  return isBound(most) ? `, at most ${most}${unit}` : '';
}

/** Long lists of words that have a place of their own. */
const namedLists = [
  { words: queueNames, text: 'a [queue](queues.md)' },
  { words: taskStatuses, text: 'a [task state](http.md#task-states)' },
];

function wordsText(words: readonly unknown[]): string {
  const named = namedLists.find(
    (list) => list.words.length === words.length && list.words.every((word) => words.includes(word)),
  );
  return named?.text ?? words.map((word) => code(String(word))).join(', ');
}

const isNull = (schema: JsonSchema) => schema.type === 'null';

/** A type in words: "integer, 1 to 9", "`a` or `b`", "list of uuid". References become links to their heading. */
export function typeText(schema: JsonSchema): string {
  const { $ref, const: constant, enum: words, oneOf, anyOf, type, format } = schema;
  if ($ref !== undefined) {
    // other references lead into a schema that contains itself: JSON of any depth
    const name = /^#\/components\/schemas\/(\w+)$/.exec($ref)?.[1];
    return name === undefined ? 'any JSON' : `[${name}](#${name.toLowerCase()})`;
  }
  if (constant !== undefined) return code(JSON.stringify(constant));
  if (words !== undefined) return wordsText(words);
  if (schema.not !== undefined) return 'nothing yet';
  const variants = oneOf ?? anyOf;
  if (variants !== undefined)
    return [...new Set(variants.map((variant) => (isNull(variant) ? 'null' : typeText(variant))))].join(' or ');
  if (Array.isArray(type)) return type.map((one: string) => typeText({ ...schema, type: one })).join(' or ');
  switch (type) {
    case 'array':
      return `list of ${typeText(schema.items ?? {})}${range(schema.minItems, schema.maxItems, ' entries')}`;
    case 'integer':
    case 'number':
      return `${type}${range(schema.minimum, schema.maximum)}`;
    case 'string':
      return `${format ?? 'text'}${format === undefined ? range(schema.minLength, schema.maxLength, ' characters') : ''}`;
    default:
      return typeof type === 'string' ? type : 'any JSON';
  }
}

/** `mode` = `custom`: what tells one variant from another. */
function variantName(schema: JsonSchema): string {
  for (const [name, { const: constant, enum: words }] of Object.entries(schema.properties ?? {})) {
    const only = constant ?? (words?.length === 1 ? words[0] : undefined);
    if (only !== undefined) return `${code(name)} = ${code(String(only))}`;
  }
  return '';
}

/** The fields of an object and of the objects in it, outer before inner. */
export function fieldsOf(schema: JsonSchema, prefix = '', note = ''): Field[] {
  const fields: Field[] = [];
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const path = prefix === '' ? name : `${prefix}.${name}`;
    const initial = member.default === undefined ? '' : `Default ${code(JSON.stringify(member.default))}.`;
    const described = [note, member.description ?? '', initial].filter((part) => part !== '').join(' ');
    const required = (schema.required ?? []).includes(name) && member.default === undefined;
    fields.push({ path, type: typeText(member), required, description: described });
    fields.push(...inner(member, path));
  }
  return fields;
}

function inner(member: JsonSchema, path: string): Field[] {
  if (member.type === 'array') return inner(member.items ?? {}, `${path}[]`);
  const variants = (member.oneOf ?? member.anyOf)?.filter((variant) => !isNull(variant));
  if (variants === undefined) return fieldsOf(member, path);
  return variants.flatMap((variant) => {
    const name = variants.length > 1 ? variantName(variant) : '';
    return fieldsOf(variant, path, name === '' ? '' : `With ${name}.`);
  });
}

/** Rows for a table of what may be sent. */
export const fieldRows = (fields: readonly Field[]): string[][] =>
  fields.map(({ path, type, required, description }) => [code(path), type, required ? 'yes' : '', description]);
