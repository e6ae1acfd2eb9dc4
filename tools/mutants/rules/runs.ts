// biome-ignore-all lint/suspicious/noTemplateCurlyInString: sources of templates stand in strings
import type { Chapter } from '../mutant.ts';
import { deathsOnPglite, fence, keeping, onPostgres, retry, runTask } from './tests.ts';

const effectFile = 'worker/runtime/ledger/effects.ts';
const deaths = 'worker/runtime/ledger/deaths.ts';
const claim = 'worker/runtime/ledger/claim.ts';
const letters = 'worker/runtime/ledger/dead-letters.ts';
const retryFile = 'worker/runtime/retry.ts';

const effectFence = `where id = $1 and epoch = $2 and owner = $3 and status = 'RUNNING' for update`;
const withEffect = 'a run that says it is with an effect done';
const once = 'an effect should be done once';

/** Changes in Postgres happen once, behind the fence; calls outside are recorded. */
export const effects: Chapter = {
  title: 'Effects',
  mutants: [
    {
      id: 'effect-epoch',
      rule: 'An effect is refused with an older epoch.',
      file: effectFile,
      text: effectFence,
      broken: effectFence.replace('epoch = $2', 'epoch >= $2'),
      test: fence(withEffect),
    },
    {
      id: 'effect-owner',
      rule: 'An effect is refused with the token of another owner.',
      file: effectFile,
      text: effectFence,
      broken: effectFence.replace('owner = $3', '(owner = $3 or true)'),
      test: fence(withEffect),
    },
    {
      id: 'effect-status',
      rule: 'An effect is refused when its row is not RUNNING.',
      file: effectFile,
      text: effectFence,
      broken: effectFence.replace(`status = 'RUNNING'`, `status <> ''`),
      test: fence(withEffect),
    },
    {
      id: 'effect-locks',
      rule: 'An effect locks its row, so that nobody takes it meanwhile.',
      file: effectFile,
      text: effectFence,
      broken: effectFence.replace(' for update', ''),
      test: onPostgres('should hold the row of a run'),
    },
    {
      id: 'effect-once',
      rule: 'A step that is done is not done again.',
      file: effectFile,
      text: 'if (fresh.length === 0) return ((await',
      broken: 'if (fresh.length > 1) return ((await',
      test: keeping(once),
    },
    {
      id: 'effect-result',
      rule: 'A step that is done answers as it did then.',
      file: effectFile,
      text: '(await recorded(tx, fence, step))?.result ?? null',
      broken: '(await recorded(tx, fence, step)) && null',
      test: keeping(once),
    },
    {
      id: 'effect-whole',
      rule: 'An effect that fails half way leaves neither its change nor its key.',
      file: effectFile,
      text: 'const result = await work(tx);',
      broken: 'const result = await work(tx).catch(() => null as T);',
      test: keeping('when it fails half way'),
    },
    {
      id: 'external-recorded',
      rule: 'A call outside whose answer is recorded is not repeated.',
      file: effectFile,
      text: 'if (before) return before.result as T;',
      broken: '',
      test: keeping('should call the outside'),
    },
    {
      id: 'external-key',
      rule: 'A call outside has the same key at every attempt.',
      file: effectFile,
      text: 'call(`${fence.id}:${step}`)',
      broken: 'call(`${fence.id}:${fence.epoch}:${step}`)',
      test: keeping('should call the outside'),
    },
  ],
  otherwise: [
    {
      rule: 'Where the far side takes no key (SMTP), a kill may repeat the call, with the same Message-ID.',
      by: 'Documented in [Guarantees](guarantees.md); no task of this release sends mail.',
    },
  ],
};

/** What counts as an attempt and a death, and what follows. */
export const attempts: Chapter = {
  title: 'Attempts',
  mutants: [
    {
      id: 'retries-are-attempts-after-the-first',
      rule: 'Three retries are four attempts.',
      file: retryFile,
      text: 'if (attempts > policy.retries)',
      broken: 'if (attempts >= policy.retries)',
      test: runTask('should make four attempts'),
    },
    {
      id: 'retry-from-zero',
      rule: 'Delays count retries from 0.',
      file: retryFile,
      text: 'delaySeconds(attempts - 1) * 1000',
      broken: 'delaySeconds(attempts) * 1000',
      test: retry('should try again three times'),
    },
    {
      id: 'retry-jitter',
      rule: 'Delays are spread by 10 % both ways.',
      file: retryFile,
      text: 'jitter: 0.1 }',
      broken: 'jitter: 0.2 }',
      test: retry('should spread delays'),
    },
    {
      id: 'timed-out-final',
      rule: 'TIMED_OUT is final unless the policy retries it.',
      file: retryFile,
      text: `if (error instanceof TimeLimitError && !policy.timeouts) return { retry: false, reason: 'time_limit' };`,
      broken: '',
      test: runTask('and what was over its time limit'),
    },
    {
      id: 'permanent-final',
      rule: 'A permanent error is not tried again.',
      file: retryFile,
      text: `if (error instanceof PermanentError) return { retry: false, reason: 'permanent' };`,
      broken: '',
      test: runTask('should end for good what no retry mends'),
    },
    {
      id: 'dead-letter',
      rule: 'Spent attempts leave a dead letter.',
      file: 'worker/runtime/ledger/finish.ts',
      text: "`error_history || $4::jsonb`, 'true')",
      broken: "`error_history || $4::jsonb`, 'false')",
      test: runTask('keep a dead letter'),
    },
    {
      id: 'three-deaths',
      rule: 'Three deaths end a task.',
      file: deaths,
      text: 'export const maxDeaths = 3;',
      broken: 'export const maxDeaths = 4;',
      test: runTask('should end at the third death'),
    },
    {
      id: 'death-counted',
      rule: 'The death of its child counts against a task.',
      file: deaths,
      text: 'attempts = greatest(attempts - 1, 0), deaths = deaths + 1, suspect = true,',
      broken: 'attempts = greatest(attempts - 1, 0), suspect = true,',
      test: runTask('should end at the third death'),
    },
    {
      id: 'death-no-attempt',
      rule: 'A death counts no attempt.',
      file: deaths,
      text: 'attempts = greatest(attempts - 1, 0), deaths = deaths + 1, suspect = true,',
      broken: 'deaths = deaths + 1, suspect = true,',
      test: fence('should count a death of its child'),
    },
    {
      id: 'death-alone',
      rule: 'A task whose child died runs alone in a child again.',
      file: deaths,
      text: 'deaths = deaths + 1, suspect = true,',
      broken: 'deaths = deaths + 1, suspect = false,',
      test: fence('should count a death of its child'),
    },
    {
      id: 'takeover-alone',
      rule: 'What a process held that died is to run alone: taken over by a claim.',
      file: claim,
      text: `suspect = suspect or status = 'RUNNING'`,
      broken: 'suspect = suspect',
      test: fence('should take over a lease'),
    },
    {
      id: 'sweep-alone',
      rule: 'What a process held that died is to run alone: taken over by the sweep.',
      file: claim,
      text: '${putBack}, suspect = true`',
      broken: '${putBack}, suspect = false`',
      test: fence('should be swept'),
    },
    {
      id: 'suspect-in-child',
      rule: 'What is to run alone runs in a child.',
      file: 'worker/runtime/execution/executors.ts',
      text: 'if (claimed.suspect) return this.#runSuspect(task, claimed, control);',
      broken: '',
      test: deathsOnPglite('suspects on pglite should run alone in a child'),
    },
    {
      id: 'letter-attempts',
      rule: 'A dead letter that is retried has no attempts and no deaths.',
      file: letters,
      text: `'PENDING', priority, payload, trace, 0, 0, epoch + 1,`,
      broken: `'PENDING', priority, payload, trace, attempts, deaths, epoch + 1,`,
      test: fence('should live again in its row'),
    },
    {
      id: 'letter-epoch',
      rule: 'A dead letter that is retried has a new epoch.',
      file: letters,
      text: `'PENDING', priority, payload, trace, 0, 0, epoch + 1,`,
      broken: `'PENDING', priority, payload, trace, 0, 0, epoch,`,
      test: fence('should live again in its row'),
    },
    {
      id: 'letter-row',
      rule: 'A dead letter is retried in its own row, whose done steps stay done.',
      file: letters,
      text: `select id, tenant_id, user_id, name, queue, 'PENDING'`,
      broken: `select gen_random_uuid(), tenant_id, user_id, name, queue, 'PENDING'`,
      test: fence('should live again in its row'),
    },
    {
      id: 'sample-retries',
      rule: 'Sample tasks have 5 retries, each after 1 s.',
      file: 'worker/tasks/sample/sample-tasks.ts',
      text: '{ retries: 5, delaySeconds: fixedDelay(1), jitter: 0 }',
      broken: '{ retries: 3, delaySeconds: fixedDelay(1), jitter: 0 }',
      test: { file: 'worker/tasks/sample/sample-tasks.test.ts' },
    },
  ],
};
