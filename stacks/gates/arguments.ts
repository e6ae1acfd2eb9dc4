/** The command line of the gate. */
import { parseArgs } from 'node:util';
import { MillraceError } from '../../worker/errors.ts';
import type { Gate } from './pass.ts';

const usage = 'gate.ts --container ID --expect healthy|completed --pids N --timeout SECONDS';

function misused(message: string, cause?: unknown): MillraceError {
  return new MillraceError({ code: 'gate_usage', message, hint: `Usage: ${usage}`, cause });
}

function atLeastOne(name: string, value: string | undefined): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= 1) return number;
  throw misused(`--${name} is "${value ?? ''}"; expected a whole number of at least 1.`);
}

/** @throws MillraceError `gate_usage` */
export function readGate(argv: readonly string[]): Gate {
  const read = () => {
    try {
      const text = { type: 'string' } as const;
      return parseArgs({ args: [...argv], options: { container: text, expect: text, pids: text, timeout: text } })
        .values;
    } catch (error) {
      throw misused('An argument was not understood.', error);
    }
  };
  const { container = '', expect, pids, timeout } = read();
  if (container === '') throw misused('--container is missing; expected the id or name of a container.');
  if (expect !== 'healthy' && expect !== 'completed') {
    throw misused(`--expect is "${expect ?? ''}"; expected healthy or completed.`);
  }
  return {
    container,
    expected: expect,
    pidsLimit: atLeastOne('pids', pids),
    timeoutSeconds: atLeastOne('timeout', timeout),
  };
}
