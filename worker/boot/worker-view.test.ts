import { expect, it } from 'vitest';
import { mergePages } from './worker-view.ts';

const own = `# HELP cpu Processor time.
# TYPE cpu counter
cpu 1

# HELP up Whether.
# TYPE up gauge
up 1
`;

it('should put series of one family together, add up those of both, and keep families of either page', () => {
  const worker = `# HELP cpu Processor time.
# TYPE cpu counter
cpu{process="worker"} 2

# HELP up Whether.
# TYPE up gauge
up 0.5
up{of="a b"} 2

# HELP runs Runs.
# TYPE runs counter
runs{task="a"} 3
runs{task="b"} 4
`;
  expect(mergePages(own, worker)).toBe(`# HELP cpu Processor time.
# TYPE cpu counter
cpu 1
cpu{process="worker"} 2

# HELP up Whether.
# TYPE up gauge
up 1.5
up{of="a b"} 2

# HELP runs Runs.
# TYPE runs counter
runs{task="a"} 3
runs{task="b"} 4
`);
});

it('should be the own page while there is no other', () => {
  expect(mergePages(own, '')).toBe(own);
});
