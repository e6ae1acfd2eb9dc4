/**
 * What deployments of killed test runs left on the machine. Their containers are restarted with Docker, and then run beside everything
 * that comes after.
 */
import { commandLine, processLives } from '../../harness/processes.ts';
import { docker, dockerLines } from './docker.ts';

/** The name of a deployment; it says which test process it belongs to. */
export const deploymentName = (port: number) => `millrace-test-${process.pid}-${port}`;

const named = /^millrace-test-(\d+)-\d+[-_]/;

/** Whether something of this name belongs to a test process that is gone. */
export function isLeftover(name: string): boolean {
  const pid = Number(named.exec(name)?.[1]);
  if (Number.isNaN(pid)) return false;
  // the id may have gone to a process that is no test
  return !(processLives(pid) && commandLine(pid).includes('node'));
}

const kinds = [
  { list: ['ps', '--all', '--format', '{{.Names}}'], remove: ['rm', '--force', '--volumes'] },
  { list: ['network', 'ls', '--format', '{{.Name}}'], remove: ['network', 'rm'] },
  { list: ['volume', 'ls', '--format', '{{.Name}}'], remove: ['volume', 'rm', '--force'] },
] as const;

/** Runs before the suites that deploy; containers first, which use the rest. */
export async function setup(): Promise<void> {
  for (const { list, remove } of kinds) {
    const left = (await dockerLines(...list)).filter(isLeftover);
    if (left.length === 0) continue;
    console.log(`removing what a test run that was ended left: ${left.join(', ')}`);
    await docker([...remove, ...left], { timeoutMs: 120_000 });
  }
}
