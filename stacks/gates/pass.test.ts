import { describe, expect, it } from 'vitest';
import { dockerEndpoint } from '../docker/endpoint.ts';
import { dockerEngine } from '../docker/engine.ts';
import { type Scripted, scriptedEngine } from '../testing/scripted-engine.ts';
import { type Expected, passGate } from './pass.ts';

interface Outcome {
  readonly calls: readonly string[];
  readonly said: string;
  readonly error: { readonly code?: string; readonly message: string } | undefined;
}

async function attempt(expected: Expected, script: Scripted, timeoutSeconds = 30): Promise<Outcome> {
  await using server = await scriptedEngine(script);
  const lines: string[] = [];
  const engine = dockerEngine(dockerEndpoint({ DOCKER_HOST: server.host }));
  const gate = { container: 'box', expected, pidsLimit: 64, timeoutSeconds };
  const error = await passGate(gate, { engine, say: (line) => lines.push(line), lookEveryMs: 1 }).then(
    () => undefined,
    (thrown: Error) => thrown,
  );
  return { calls: server.calls, said: lines.join('\n'), error };
}

const health = (Status: 'starting' | 'healthy' | 'unhealthy') => ({ Health: { Status, Log: [] } });
const exited = (ExitCode: number) => ({ Status: 'exited', ExitCode }) as const;

describe('a gate before a service', () => {
  it('should let through what becomes healthy, and set its pids limit first', async () => {
    const { error, calls } = await attempt('healthy', {
      states: [health('starting'), health('starting'), health('healthy')],
    });
    expect(error).toBeUndefined();
    expect(calls).toEqual(['POST update']);
  });

  it('should stop at once on unhealthy, with the last lines of the log and what the check said', async () => {
    const sick = { Health: { Status: 'unhealthy', Log: [{ ExitCode: 1, Output: 'NOAUTH' }] } } as const;
    const { error } = await attempt('healthy', { states: [health('starting'), sick], log: 'no password given\n' });
    expect(error).toMatchObject({ code: 'gate_unhealthy' });
    expect(error?.message).toContain('no password given');
    expect(error?.message).toContain('last health check, exit code 1: NOAUTH');
  });

  it('should stop at once when it exits', async () => {
    const { error } = await attempt('healthy', { states: [health('starting'), exited(78)], log: 'DB_HOST is not set' });
    expect(error).toMatchObject({ code: 'gate_exited' });
    expect(error?.message).toMatch(/box exited with 78\.[\s\S]*DB_HOST is not set/);
  });

  it('should see an exit that Docker has made good by a restart', async () => {
    const { error } = await attempt('healthy', { states: [health('starting')], restartCounts: [0, 0, 1] });
    expect(error).toMatchObject({ code: 'gate_exited' });
  });

  it('should restart what was unhealthy before it came, for its cause may be mended', async () => {
    const { error, calls, said } = await attempt('healthy', {
      states: [health('unhealthy')],
      afterStart: [health('starting'), health('healthy')],
    });
    expect(error).toBeUndefined();
    expect(calls).toEqual(['POST update', 'POST restart']);
    expect(said).toContain('box is unhealthy before; restarting it');
  });

  it('should refuse a service without a health check', async () => {
    const { error } = await attempt('healthy', { states: [{}] });
    expect(error).toMatchObject({ code: 'gate_no_health_check' });
  });

  it('should give up after its time', async () => {
    const { error } = await attempt('healthy', { states: [health('starting')] }, 0.05);
    expect(error).toMatchObject({ code: 'gate_timeout' });
    expect(error?.message).toContain('box is not healthy after 0.05 s');
  });

  it('should say when a limit was not kept', async () => {
    const { error } = await attempt('healthy', { states: [health('healthy')], keepsPidsLimit: false });
    expect(error).toMatchObject({ code: 'gate_pids_limit' });
  });
});

describe('a gate before a one-shot', () => {
  it('should start it and let through once it has ended with 0', async () => {
    const { error, calls } = await attempt('completed', {
      states: [{ Status: 'created' }],
      afterStart: [{}, exited(0)],
    });
    expect(error).toBeUndefined();
    expect(calls).toEqual(['POST update', 'POST start']);
  });

  it('should not start again what has ended with 0', async () => {
    const { error, calls } = await attempt('completed', { states: [exited(0)] });
    expect(error).toBeUndefined();
    expect(calls).toEqual(['POST update']);
  });

  it('should start again what failed before', async () => {
    const { error, said } = await attempt('completed', { states: [exited(3)], afterStart: [{}, exited(0)] });
    expect(error).toBeUndefined();
    expect(said).toContain('box exited with 3 before; starting it again');
  });

  it('should stop at once when it fails, with the last lines of its log', async () => {
    const { error } = await attempt('completed', {
      states: [{ Status: 'created' }],
      afterStart: [{}, exited(3)],
      log: 'relation exists',
    });
    expect(error).toMatchObject({ code: 'gate_exited' });
    expect(error?.message).toMatch(/box exited with 3\.[\s\S]*relation exists/);
  });

  it('should name a death for want of memory', async () => {
    const { error } = await attempt('completed', {
      states: [{ Status: 'created' }],
      afterStart: [{ ...exited(137), OOMKilled: true }],
    });
    expect(error?.message).toContain('was killed for want of memory');
  });
});

describe('the engine', () => {
  it('should say where to look when it does not answer', async () => {
    const engine = dockerEngine(dockerEndpoint({ DOCKER_HOST: 'unix:///nowhere/engine.sock' }));
    await expect(engine.inspect('box')).rejects.toMatchObject({ code: 'docker_unreachable' });
  });

  it('should pass on what it refuses', async () => {
    await using server = await scriptedEngine({ states: [{}] });
    const engine = dockerEngine(dockerEndpoint({ DOCKER_HOST: server.host }));
    await expect(engine.inspect('other')).rejects.toMatchObject({ code: 'docker_refused' });
  });
});
