/** What a process does, where it listens, how it starts and stops. */
import { countedWord, flag, integer, oneOf, port, text } from '../variable.ts';

export const process = {
  MODE: oneOf(
    'api',
    'worker',
    'beat',
    'migrate',
    'job',
    'all',
  )({
    default: 'all',
    doc: 'What this process does. `all` is the embedded default: API, worker and beat in one process tree.',
  }),
  DIFY_BIND_ADDRESS: text({
    doc: 'Address the API listens on. Unset: 127.0.0.1 in mode `all`, 0.0.0.0 otherwise.',
  }),
  DIFY_PORT: port(0)({ default: 5001, doc: 'Port of the API; 0 takes any free port and prints it.' }),
  HEALTH_PORT: port(0)({
    default: 9101,
    doc: 'Port of `/healthz`, `/readyz` and `/metrics` in every mode without an API; 0 takes any free port and prints it.',
  }),
  MIGRATION_ENABLED: flag({
    default: true,
    doc: 'Migrate the database at start, under a lock. With false the process waits 60 s for the schema, then exits 78.',
  }),
  MILLRACE_HOME: text({
    default: '.millrace',
    doc: 'Data folder of the embedded default: database, Redis, files, API key.',
  }),
  MILLRACE_GRACE_SECONDS: integer(
    0,
    3600,
    'seconds',
  )({
    default: 30,
    doc: 'How long a stopping process lets running tasks finish before it hands them back.',
  }),
  MILLRACE_SAMPLE_TASKS: flag({ default: false, doc: 'Registers the sample tasks for load and fault tests.' }),
  MILLRACE_FAILPOINT: countedWord(
    'accepted',
    'marked_queued',
    'fetched',
    'claimed',
    'pulled',
    'effect_committed',
    'end_committed',
  )({
    doc: "For fault tests only, and refused without `MILLRACE_SAMPLE_TASKS`: the process kills itself when it comes to this place on a task's way for the `count`th time.",
  }),
} as const;
