import { expect, it } from 'vitest';
import { pastDeadlocks } from './deadlock.ts';

const deadlock = () => new Error('outer', { cause: Object.assign(new Error('deadlock detected'), { code: '40P01' }) });

/** Fails with these, one a try, then says which try it was. */
const failing = (...errors: Error[]) => {
  let tries = 0;
  return async () => {
    const error = errors[tries];
    tries += 1;
    if (error) throw error;
    return tries;
  };
};

it('should run a transaction again that met a deadlock, three times at most', async () => {
  expect(await pastDeadlocks(failing())).toBe(1);
  expect(await pastDeadlocks(failing(deadlock(), deadlock(), deadlock()))).toBe(4);
  const last = deadlock();
  await expect(pastDeadlocks(failing(deadlock(), deadlock(), deadlock(), last))).rejects.toBe(last);
});

it('should not run again what failed otherwise', async () => {
  const error = Object.assign(new Error('duplicate key'), { code: '23505' });
  await expect(pastDeadlocks(failing(error))).rejects.toBe(error);
});
