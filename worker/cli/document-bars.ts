/** Progress of several documents, or of anything with parts: a bar each on a terminal, plain lines elsewhere. */
import cliProgress from 'cli-progress';
import type { Output } from './command-line.ts';

export interface DocumentState {
  /** Tells two of the same name apart; the name where it is left out. */
  readonly id?: string;
  readonly name: string;
  readonly status: string;
  readonly completed: number;
  readonly total: number;
}

export interface DocumentProgress {
  update(states: readonly DocumentState[]): void;
  stop(): void;
}

const nameWidth = 26;

/** @param parts what is counted */
export function showProgress(output: Output, parts = 'segments'): DocumentProgress {
  return output.isTTY ? bars(output) : lines(output, parts);
}

function bars(output: Output): DocumentProgress {
  const multi = new cliProgress.MultiBar(
    {
      stream: output,
      clearOnComplete: false,
      hideCursor: true,
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      format: '  {name} {bar} {status} {value}/{total}',
      autopadding: true,
    },
    cliProgress.Presets.shades_classic,
  );
  const bar = new Map<string, cliProgress.SingleBar>();
  return {
    update(states) {
      for (const { name, id = name, status, completed, total } of states) {
        const payload = { name: name.padEnd(nameWidth).slice(0, nameWidth), status: status.padEnd(9) };
        const known = bar.get(id) ?? multi.create(1, 0, payload);
        bar.set(id, known);
        // before it is split its number of segments is not known
        known.setTotal(Math.max(total, 1));
        known.update(completed, payload);
      }
    },
    stop: () => multi.stop(),
  };
}

function lines(output: Output, parts: string): DocumentProgress {
  const last = new Map<string, string>();
  return {
    update(states) {
      for (const { name, id = name, status, completed, total } of states) {
        if (last.get(id) === status) continue;
        last.set(id, status);
        output.write(`${name.padEnd(nameWidth)} ${status}${total > 0 ? ` ${completed}/${total} ${parts}` : ''}\n`);
      }
    },
    stop: () => undefined,
  };
}
