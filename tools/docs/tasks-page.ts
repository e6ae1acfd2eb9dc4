/** docs/reference/tasks.md, from the task registry. */
import { z } from 'zod';
import { maxPayloadBytes, type RegisteredTask, type TaskRegistry } from '../../worker/runtime/index.ts';
import { createTasks } from '../../worker/tasks/registry.ts';
import { code, table } from './markdown.ts';
import { fieldRows, fieldsOf, type JsonSchema } from './schema-fields.ts';
import { untouched } from './untouched.ts';

const samplePrefix = 'sample_';

/** All tasks, the sample tasks among them; describing them runs nothing. */
export function allTasks(): TaskRegistry {
  return createTasks(
    {
      db: untouched('db'),
      storage: untouched('storage'),
      embedder: untouched('embedder'),
      vectors: untouched('vectors'),
      parser: untouched('parser'),
      parseLimits: untouched('parseLimits'),
      countNotDurable: untouched('countNotDurable'),
    },
    { sampleTasks: true },
  );
}

const intro = `A task is sent with \`POST /v1/tasks\` as \`{"task": "<name>", "payload": {…}}\` ([HTTP](http.md#post-v1tasks)), or added by any BullMQ
client as a job of that name with the data \`{"payload": {…}}\`. A payload is one JSON object of at most ${maxPayloadBytes / 1024 / 1024} MiB; fields that are not listed are refused.

Retries come after the attempt that failed: 3 retries are 4 attempts. An error that no repetition mends (a payload that does not fit, a document
that cannot be read) ends the task at once, and so does an attempt that takes longer than the time limit, unless it says that time-outs are retried too. A task whose attempts are spent is \`FAILED\` and a dead letter, kept until someone retries or
drops it, or until \`MILLRACE_RESULT_TTL\` is over.`;

/** Delays in words: "after 60, 120, 240 s, each spread by 10 %". */
function retryText({ retry: { retries, delaySeconds, jitter, timeouts } }: RegisteredTask): string {
  if (retries === 0) return 'none';
  const delays = Array.from({ length: retries }, (_, n) => delaySeconds(n));
  const after = new Set(delays).size === 1 ? `${delays[0]} s each` : `${delays.join(', ')} s`;
  return `${retries}, after ${after}${jitter === 0 ? '' : `, spread by ±${Math.round(jitter * 100)} %`}${timeouts ? ', also of time-outs' : ''}`;
}

function durationText(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

function section(task: RegisteredTask): string {
  // zod's type of a JSON schema is wider than what is read here
  const schema = z.toJSONSchema(task.payload, { io: 'input' }) as JsonSchema;
  const fields = fieldRows(fieldsOf(schema));
  return [
    `### ${task.name}`,
    task.description,
    `Queue: [${code(task.queue)}](queues.md). Retries: ${retryText(task)}. Time limit: ${durationText(task.timeLimitSeconds)}.`,
    fields.length === 0
      ? 'The payload is empty: `{}`.'
      : table(['payload field', 'type', 'required', 'meaning'], fields),
  ].join('\n\n');
}

export function tasksPage(tasks: readonly RegisteredTask[]): string {
  const sorted = tasks.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const samples = sorted.filter((task) => task.name.startsWith(samplePrefix));
  const platform = sorted.filter((task) => !task.name.startsWith(samplePrefix));
  return [
    '# Tasks',
    intro,
    '## Platform tasks',
    ...platform.map(section),
    '## Sample tasks',
    'For load and fault tests; there when `MILLRACE_SAMPLE_TASKS=true`.',
    ...samples.map(section),
  ].join('\n\n');
}
