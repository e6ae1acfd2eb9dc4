import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import type { FailpointName } from '../config/config.ts';

const source = new URL('failpoints.ts', import.meta.url).href;

/** Comes to these places in turn, in a process of its own, and says how that ended and how many it came past. */
function walk(places: readonly FailpointName[], arm: string): { signal: string | null; passed: number } {
  const script = `
    import { writeSync } from 'node:fs';
    import { armFailpoint, failpoint } from '${source}';
    ${arm}
    for (const place of ${JSON.stringify(places)}) {
      failpoint(place);
      writeSync(1, '.');
    }`;
  const { signal, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  return { signal, passed: stdout.length };
}

it('should let a process die at the place and the count that it was told', () => {
  const places = ['claimed', 'fetched', 'claimed', 'claimed', 'claimed'] as const;
  expect(walk(places, `armFailpoint({ name: 'claimed', count: 3 });`)).toEqual({ signal: 'SIGKILL', passed: 3 });
});

it('should pass every place when nothing is armed', () => {
  expect(walk(['claimed', 'fetched'], '')).toEqual({ signal: null, passed: 2 });
});
