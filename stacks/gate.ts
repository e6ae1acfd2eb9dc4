/**
 * Waits for one container, for Terraform: its provider calls a one-shot that failed a success, and prints no log.
 *   node stacks/gate.ts --container ID --expect healthy|completed --pids N --timeout SECONDS
 * Exit codes: 0 through, 1 failed, 2 not understood.
 */
import { errorText, MillraceError } from '../worker/errors.ts';
import { dockerEndpoint } from './docker/endpoint.ts';
import { dockerEngine } from './docker/engine.ts';
import { readGate } from './gates/arguments.ts';
import { passGate } from './gates/pass.ts';

const say = (line: string) => process.stdout.write(`${line}\n`);

try {
  const gate = readGate(process.argv.slice(2));
  await passGate(gate, { engine: dockerEngine(dockerEndpoint(process.env)), say });
} catch (error) {
  say(error instanceof MillraceError ? `gate: ${error.code}: ${errorText(error)}` : `gate: ${errorText(error)}`);
  if (error instanceof MillraceError && error.hint !== undefined) say(error.hint);
  process.exitCode = error instanceof MillraceError && error.code === 'gate_usage' ? 2 : 1;
}
