import { expect, it } from 'vitest';
import type { Database } from '../db/index.ts';
import type { ForkedChild } from '../runtime/index.ts';
import { createLogger } from '../telemetry/logger.ts';
import type { DeadWorker, DeadWorkers } from './dead-workers.ts';
import { exitWorn } from './exit-codes.ts';
import { restartDelayMs, Supervisor } from './supervisor.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

/** A child that does as it is told, without a process. */
class Puppet implements ForkedChild<ToWorker, FromWorker> {
  readonly pid = undefined;
  readonly heard: ToWorker[] = [];
  readonly lastWords = Promise.resolve('');
  readonly #end = Promise.withResolvers<{ code: number | null; how: string }>();
  readonly ended = this.#end.promise;
  readonly #opened = Promise.withResolvers<string>();
  /** Its owner, once it is open. */
  readonly opened = this.#opened.promise;
  say: (message: FromWorker) => void = () => undefined;

  send(message: ToWorker): void {
    this.heard.push(message);
    if (message.kind === 'open') this.#opened.resolve(message.owner);
    if (message.kind === 'drain') this.end(0);
  }

  listen(listener: (message: FromWorker) => void): void {
    this.say = listener;
  }

  kill(): void {
    this.end(null);
  }

  end(code: number | null): void {
    this.#end.resolve({ code, how: `ended with ${code}` });
  }
}

function setUp() {
  const puppets: Puppet[] = [];
  const forked: ((puppet: Puppet) => void)[] = [];
  const supervisor = new Supervisor({
    home: '/nowhere',
    graceMs: 0,
    log: createLogger({ level: 'fatal' }),
    fork: () => {
      const puppet = new Puppet();
      puppets.push(puppet);
      forked.shift()?.(puppet);
      return puppet;
    },
  });
  const [first] = puppets;
  if (!first) throw new Error('the first child is started at once');
  const givenBack: DeadWorker[] = [];
  let deaths = 0;
  const serving = supervisor.serve({
    db: {} as Database,
    lent: false,
    redis: undefined,
    dead: { giveBack: async (worker: DeadWorker) => void givenBack.push(worker) } as unknown as DeadWorkers,
    onLed: () => undefined,
    note: async () => undefined,
    onDeath: () => {
      deaths += 1;
    },
  });
  serving.catch(() => undefined);
  /** Call before what brings the next one about. */
  const next = () => new Promise<Puppet>((resolve) => forked.push(resolve));
  return { supervisor, first, serving, next, givenBack, puppets, deaths: () => deaths };
}

const start = async (puppet: Puppet) => {
  const owner = await puppet.opened;
  puppet.say({ kind: 'ready' });
  return owner;
};

it('should start a child that dies again at once, under another owner, and give back what it held', async () => {
  const { supervisor, first, serving, next, givenBack, deaths } = setUp();
  const owner = await start(first);
  await serving;
  const again = next();
  first.end(null);
  const second = await again;
  expect(await start(second)).not.toBe(owner);
  expect(givenBack).toEqual([{ owner, overdue: [] }]);
  expect(deaths()).toBe(1);
  await supervisor.stop();
});

it('should start a worn child anew, which has given back what it held itself', async () => {
  const { supervisor, first, serving, next, givenBack, deaths } = setUp();
  await start(first);
  await serving;
  const again = next();
  first.end(exitWorn);
  await start(await again);
  expect({ givenBack, deaths: deaths() }).toEqual({ givenBack: [], deaths: 0 });
  await supervisor.stop();
});

it('should say why the first child cannot work, and not try again', async () => {
  const { first, serving, puppets, supervisor } = setUp();
  await first.opened;
  first.say({ kind: 'unusable', error: { code: 'storage_unusable', message: 'Not writable.', hint: 'Mend it.' } });
  first.end(78);
  await expect(serving).rejects.toMatchObject({ name: 'StartError', code: 'storage_unusable', hint: 'Mend it.' });
  await supervisor.stop();
  expect(puppets).toHaveLength(1);
});

it('should say of a first child that just ends that it could not be started', async () => {
  const { first, serving, supervisor } = setUp();
  await first.opened;
  first.end(1);
  await expect(serving).rejects.toMatchObject({ code: 'worker_not_started' });
  await supervisor.stop();
});

it('should answer what is asked, hand on what is refused, and reject what a dead child leaves open', async () => {
  const { supervisor, first, serving, next } = setUp();
  await start(first);
  await serving;
  const ask = () => supervisor.ask<'silent'>({ of: 'silent', ms: 5 }, { timeoutMs: 10_000 });
  const asked = () => {
    const message = first.heard.at(-1);
    if (message?.kind !== 'ask') throw new Error('nothing was asked');
    return message.id;
  };
  const told = ask();
  first.say({ kind: 'told', id: asked(), answer: ['mail'] });
  expect(await told).toEqual(['mail']);
  const refused = ask();
  first.say({ kind: 'refused', id: asked(), error: { code: 'no', message: 'No.', hint: undefined } });
  await expect(refused).rejects.toMatchObject({ code: 'no' });
  const open = ask();
  const again = next();
  first.end(null);
  await expect(open).rejects.toMatchObject({ code: 'worker_away' });
  await start(await again);
  await supervisor.stop();
});

it('should give up on an answer in time, and tell the child that nobody waits for it', async () => {
  const { supervisor, first, serving } = setUp();
  await start(first);
  await serving;
  await expect(supervisor.ask<'metrics'>({ of: 'metrics' }, { timeoutMs: 5 })).rejects.toMatchObject({
    code: 'worker_silent',
  });
  expect(first.heard.at(-1)).toMatchObject({ kind: 'forget' });
  await supervisor.stop();
});

it('should wait longer with each death in a row, up to 5 s', () => {
  const delays = [1, 2, 3, 4, 5, 6, 7, 20].map((row) => restartDelayMs(row, 1));
  expect(delays).toEqual([0, 200, 400, 800, 1600, 3200, 5000, 5000]);
  expect(restartDelayMs(20, 0)).toBe(4000);
});
