import { describe, expect, it } from 'vitest';
import { numberNames, readSettings } from './settings.ts';

describe('settings of the load test', () => {
  it('should run smoke against the local API when nothing is set', () => {
    const { settings, faults } = readSettings({ PATH: '/bin' });
    expect(faults).toEqual([]);
    expect(settings).toMatchObject({ scenario: 'smoke', url: 'http://127.0.0.1:5001', out: undefined });
    for (const name of numberNames) expect(settings.number(name)).toBeGreaterThan(0);
  });

  it('should prefer what was given to what a scenario would take', () => {
    const { settings } = readSettings({ LOADTEST_TASKS: '7', LOADTEST_SENDERS: '' });
    expect(settings.size('LOADTEST_TASKS', 10_000)).toBe(7);
    expect(settings.size('LOADTEST_SENDERS', 4)).toBe(4);
  });

  it('should take an address with a path and drop the slashes at its end', () => {
    const { settings, faults } = readSettings({ MILLRACE_URL: 'https://mill.example:8443/api//' });
    expect([settings.url, faults]).toEqual(['https://mill.example:8443/api', []]);
  });

  it.each([
    [{ LOADTEST_RATE: '0' }, 'LOADTEST_RATE: expected a whole number from 1 to 10000 (tasks/s), instead got "0".'],
    [{ LOADTEST_RATE: '2.5' }, 'LOADTEST_RATE: expected a whole number from 1 to 10000 (tasks/s), instead got "2.5".'],
    [
      { SCENARIO: 'Smoke' },
      'SCENARIO: expected one of smoke, throughput, latency, indexing, scaling, instead got "Smoke".',
    ],
    [
      { MILLRACE_URL: '127.0.0.1:5001' },
      'MILLRACE_URL: expected an address as http://127.0.0.1:5001, instead got "127.0.0.1:5001".',
    ],
  ])('should say what is wrong with %o', (env, fault) => {
    expect(readSettings(env).faults).toEqual([fault]);
  });

  it('should refuse a misspelt name instead of leaving the setting out', () => {
    expect(readSettings({ LOADTEST_RATES: '5' }).faults).toEqual([
      expect.stringMatching(/^LOADTEST_RATES is no setting/),
    ]);
  });
});
