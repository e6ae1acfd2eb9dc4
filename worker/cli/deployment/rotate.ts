/** New passwords and certificates for a deployment that runs. Work stays: it is accepted and queued meanwhile. */
import { setTimeout as wait } from 'node:timers/promises';
import { CommandError, exitCode } from '../exit-codes.ts';
import type { Compose } from './compose.ts';

/** Servers that read their passwords when they start. */
const isServer = (service: string) => /^(db_postgres|redis(_\d)?|sentinel_\d)$/.test(service);
const isWorker = (service: string) => /^worker(_|$)/.test(service);

/**
 * Lets the workers finish what they hold, changes the secrets, and starts servers and services again with them.
 * @throws CommandError `nothing_deployed`, `secrets_not_ours`, `compose_failed`, `deployment_unhealthy`
 */
export async function rotateSecrets(compose: Compose, apiKey: boolean, say: (line: string) => void): Promise<void> {
  const running = (await compose.run(['ps', '--services', '--status', 'running'])).split('\n').filter(Boolean);
  if (!running.includes('api')) {
    throw new CommandError({
      code: 'nothing_deployed',
      message: 'Expected a deployment that runs, with a service api; instead docker compose lists none.',
      hint: 'docker compose up -d --wait, from the root of the checkout.',
      exitCode: exitCode.failed,
    });
  }
  const servers = running.filter(isServer);
  if (servers.length === 0) {
    throw new CommandError({
      code: 'secrets_not_ours',
      message: 'This deployment runs on servers of yours: their passwords are changed there.',
      hint: 'Then put the new ones into compose/.env and run docker compose up -d --wait --force-recreate.',
      exitCode: exitCode.failed,
    });
  }
  const workers = running.filter(isWorker);
  say('letting the workers finish what they hold');
  if (workers.length > 0) await compose.run(['stop', ...workers]);
  try {
    say('making new secrets');
    await compose.run([
      'run',
      '--rm',
      '--no-deps',
      '-T',
      'secrets',
      'secrets',
      'rotate',
      ...(apiKey ? ['--api-key'] : []),
    ]);
  } finally {
    // also when none were made: whatever the secrets are now, servers and services are to agree on them
    say(`starting ${servers.join(', ')} again`);
    await compose.run(['restart', '--no-deps', ...servers]);
    await healthy(compose, servers);
    say(`starting ${['api', ...workers].join(', ')} again`);
    await compose.run(['restart', '--no-deps', 'api']);
    if (workers.length > 0) await compose.run(['start', ...workers]);
    await healthy(compose, ['api', ...workers]);
  }
}

const healthyWithinMs = 180_000;
const askEachMs = 1000;

/** Waits until every container of these services is healthy (`start --wait` is of the newest compose only). */
async function healthy(compose: Compose, services: readonly string[]): Promise<void> {
  const deadline = Date.now() + healthyWithinMs;
  for (;;) {
    const lines = (await compose.run(['ps', '--all', '--format', 'json', ...services])).split('\n').filter(Boolean);
    const containers = lines.map((line): { Name: string; Health: string } => JSON.parse(line));
    const waiting = containers.filter(({ Health }) => Health !== 'healthy').map(({ Name }) => Name);
    if (waiting.length === 0) return;
    if (Date.now() > deadline) {
      throw new CommandError({
        code: 'deployment_unhealthy',
        message: `Expected ${waiting.join(', ')} to be healthy within ${healthyWithinMs / 1000} s.`,
        hint: 'docker compose logs says why; the secrets are changed, and docker compose up -d --wait goes on from here.',
        exitCode: exitCode.failed,
      });
    }
    await wait(askEachMs);
  }
}
