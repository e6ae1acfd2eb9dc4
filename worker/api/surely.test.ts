import { describe, expect, it } from 'vitest';
import { surely } from './surely.ts';

const broken = () => new Error('Connection terminated unexpectedly');
const refused = () => Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

/** Fails with these, one a try, then says which try it was. */
const failing = (...errors: Error[]) => {
  const rest = [...errors];
  return async (attempt: number) => {
    const error = rest.shift();
    if (error) throw error;
    return attempt;
  };
};

describe('surely', () => {
  it('should write once when nothing breaks', async () => {
    expect(await surely(failing())).toBe(0);
  });

  it('should write again when nobody knows whether it was committed, through an outage', async () => {
    expect(await surely(failing(broken(), refused(), refused()))).toBe(3);
    const gone = Object.assign(new Error('connect EHOSTUNREACH'), { code: 'EHOSTUNREACH' });
    const noPrimary = Object.assign(new Error('cannot execute INSERT in a read-only transaction'), { code: '25006' });
    expect(await surely(failing(broken(), gone, noPrimary))).toBe(3);
  });

  it('should not write again what was certainly refused', async () => {
    const unreachable = refused();
    await expect(surely(failing(unreachable))).rejects.toBe(unreachable);
    const deadlock = Object.assign(new Error('deadlock detected'), { code: '40P01' });
    await expect(surely(failing(deadlock))).rejects.toBe(deadlock);
    const ours = new Error('a mistake');
    await expect(surely(failing(ours))).rejects.toBe(ours);
  });

  it('should hand on what the database says of the repeated write, also when that is no outage', async () => {
    const taken = Object.assign(new Error('duplicate key'), { code: '23505' });
    await expect(surely(failing(broken(), taken))).rejects.toBe(taken);
  });

  it('should say that it cannot tell when the database stays away', async () => {
    let tries = 0;
    const away = surely(async () => {
      tries += 1;
      throw broken();
    });
    await expect(away).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(tries).toBeGreaterThan(5);
  });
});
