/** From a body to a flow of the runtime, and every place of it that has the wrong shape. */
import { type Flow, maxFlowDepth } from '../../runtime/index.ts';
import { type FieldError, fieldsInvalid } from '../problems/api-error.ts';
import { zodFieldErrors } from '../problems/field-errors.ts';
import { taskRequestSchema } from '../schemas/task.ts';
import { optionsOf } from './task-requests.ts';

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Stands where nothing could be read; never sent on. */
const nothing: Flow = { chain: [] };

class BodyReader {
  readonly errors: FieldError[] = [];

  read(value: unknown, path: readonly string[], depth: number): Flow {
    if (!isObject(value)) return this.#wrong(path, 'expected a task, {chain: […]} or {group: […]}');
    if (depth > maxFlowDepth) return this.#wrong(path, `is nested deeper than ${maxFlowDepth} levels`);
    if (Object.hasOwn(value, 'chain')) {
      this.#refuseOthers(value, ['chain'], path);
      return { chain: this.#list(value.chain, [...path, 'chain'], depth) };
    }
    if (Object.hasOwn(value, 'group')) {
      this.#refuseOthers(value, ['group', 'then'], path);
      const group = this.#list(value.group, [...path, 'group'], depth);
      if (value.then === undefined) return { group };
      // biome-ignore lint/suspicious/noThenProperty: the word of the request; it holds an object, which makes nothing a promise
      return { group, then: this.read(value.then, [...path, 'then'], depth + 1) };
    }
    const parsed = taskRequestSchema.safeParse(value);
    if (!parsed.success) {
      this.errors.push(...zodFieldErrors(parsed.error, path));
      return nothing;
    }
    const { task, payload, options = {} } = parsed.data;
    return { task, payload, userId: options.user_id, options: optionsOf(options) };
  }

  #list(value: unknown, path: readonly string[], depth: number): Flow[] {
    if (Array.isArray(value))
      return value.map((member, place) => this.read(member, [...path, String(place)], depth + 1));
    this.#wrong(path, 'expected a list of flows');
    return [];
  }

  #refuseOthers(value: Readonly<Record<string, unknown>>, known: readonly string[], path: readonly string[]): void {
    for (const name of Object.keys(value)) {
      if (!known.includes(name)) this.#wrong([...path, name], `is not a field of a ${known[0]}`);
    }
  }

  #wrong(path: readonly string[], message: string): Flow {
    this.errors.push({ field: path.join('.'), message });
    return nothing;
  }
}

/** Reads `flow` of a body. @throws ApiError `request_invalid` that lists every place of a wrong shape */
export function readFlowBody(value: unknown): Flow {
  const reader = new BodyReader();
  const flow = reader.read(value, ['flow'], 1);
  if (reader.errors.length > 0) throw fieldsInvalid(reader.errors);
  return flow;
}
