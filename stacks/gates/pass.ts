/** One gate: what Terraform waits at before it goes on to whatever needs this container. */
import { setTimeout as delay } from 'node:timers/promises';
import { MillraceError } from '../../worker/errors.ts';
import type { ContainerView, Engine } from '../docker/engine.ts';

/** `healthy`: a service whose health check must pass. `completed`: a one-shot that must end with 0. */
export type Expected = 'healthy' | 'completed';

export interface Gate {
  /** Id or name. */
  readonly container: string;
  readonly expected: Expected;
  /** How many processes and threads it may have; Terraform's provider cannot set it. */
  readonly pidsLimit: number;
  readonly timeoutSeconds: number;
}

export interface GateTools {
  readonly engine: Engine;
  readonly say: (line: string) => void;
  /** @default 250 */
  readonly lookEveryMs?: number;
}

const logLines = 50;

const nameOf = (view: ContainerView) => view.Name.replace(/^\//, '');

function describe({ State: state }: ContainerView): string {
  if (state.OOMKilled) return 'was killed for want of memory';
  if (state.Error !== '') return `did not start: ${state.Error}`;
  if (state.Status === 'exited' || state.Status === 'dead' || state.Status === 'restarting') {
    return `exited with ${state.ExitCode}`;
  }
  return `is ${state.Health?.Status ?? state.Status}`;
}

async function failure(gate: Gate, { engine }: GateTools, view: ContainerView, code: string, what: string) {
  const logs = await engine.logs(gate.container, logLines).catch((error: Error) => `(no log: ${error.message})`);
  const probe = view.State.Health?.Log?.at(-1);
  const said = probe === undefined ? '' : `\nlast health check, exit code ${probe.ExitCode}: ${probe.Output.trim()}`;
  return new MillraceError({
    code,
    message: `${nameOf(view)} ${what}.${said}\nlast ${logLines} lines of its log:\n${logs.trimEnd() || '(it wrote nothing)'}`,
    hint: 'Mend the cause and deploy again: what stands is kept, and this gate is tried anew.',
  });
}

async function limitPids({ container, pidsLimit }: Gate, { engine }: GateTools): Promise<ContainerView> {
  await engine.setPidsLimit(container, pidsLimit);
  const view = await engine.inspect(container);
  if (view.HostConfig.PidsLimit === pidsLimit) return view;
  throw new MillraceError({
    code: 'gate_pids_limit',
    message: `${nameOf(view)} has a pids limit of ${view.HostConfig.PidsLimit ?? 'none'} after ${pidsLimit} was set.`,
    hint: 'The Engine cannot limit processes; its kernel needs the pids control group.',
  });
}

/** Brings a container that failed before, or was never started, to run again. */
async function revive({ container, expected }: Gate, { engine, say }: GateTools, view: ContainerView): Promise<void> {
  const { Status: status, ExitCode: exitCode, Health: health } = view.State;
  if (status === 'created') return engine.start(container);
  if (status === 'exited' || status === 'dead') {
    if (expected === 'completed' && exitCode === 0) return;
    say(`${nameOf(view)} ${describe(view)} before; starting it again`);
    return engine.start(container);
  }
  if (expected === 'healthy' && (status === 'restarting' || health?.Status === 'unhealthy')) {
    say(`${nameOf(view)} ${describe(view)} before; restarting it`);
    return engine.restart(container);
  }
}

/** True when through, false when not yet. @throws MillraceError when it will not come to pass any more */
async function look(gate: Gate, tools: GateTools, view: ContainerView, restartsBefore: number): Promise<boolean> {
  const { Status: status, ExitCode: exitCode, Health: health } = view.State;
  const ended = status === 'exited' || status === 'dead';
  if (gate.expected === 'completed') {
    if (!ended) return false;
    if (exitCode === 0) return true;
    throw await failure(gate, tools, view, 'gate_exited', describe(view));
  }
  if (ended || status === 'restarting' || view.RestartCount > restartsBefore) {
    throw await failure(
      gate,
      tools,
      view,
      'gate_exited',
      ended ? describe(view) : `ended and was restarted, ${describe(view)}`,
    );
  }
  if (health === undefined || health.Status === 'none') {
    throw await failure(
      gate,
      tools,
      view,
      'gate_no_health_check',
      'has no health check, so nobody can tell when it works',
    );
  }
  if (health.Status === 'unhealthy') throw await failure(gate, tools, view, 'gate_unhealthy', 'is unhealthy');
  return health.Status === 'healthy';
}

/**
 * Sets the container's pids limit and reads it back, starts a one-shot that was not started or failed before, then waits
 * until the container is healthy or has ended with 0.
 * @throws MillraceError `gate_exited`, `gate_unhealthy`, `gate_no_health_check` at once, with the last 50 lines of the log;
 *   `gate_timeout` after `timeoutSeconds`; `gate_pids_limit`
 */
export async function passGate(gate: Gate, tools: GateTools): Promise<void> {
  const deadline = performance.now() + gate.timeoutSeconds * 1000;
  const first = await limitPids(gate, tools);
  await revive(gate, tools, first);
  let view = await tools.engine.inspect(gate.container);
  const restartsBefore = Math.min(first.RestartCount, view.RestartCount);
  while (!(await look(gate, tools, view, restartsBefore))) {
    if (performance.now() > deadline) {
      throw await failure(
        gate,
        tools,
        view,
        'gate_timeout',
        `is not ${gate.expected} after ${gate.timeoutSeconds} s: it ${describe(view)}`,
      );
    }
    await delay(tools.lookEveryMs ?? 250);
    view = await tools.engine.inspect(gate.container);
  }
}
