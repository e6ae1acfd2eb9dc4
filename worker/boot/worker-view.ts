/** What the parent shows of its worker process as if it were its own: metrics, and whether it makes progress. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { Supervisor } from './supervisor.ts';

/** Scrapers and probes wait for seconds. */
const viewTimeoutMs = 2000;
type Asked = Pick<Supervisor, 'ask'>;

/** Queues from which the worker has heard nothing for so long. @throws when it is away or silent itself */
export const silentQueues = (worker: Asked) => (ms: number) =>
  worker.ask<'silent'>({ of: 'silent', ms }, { timeoutMs: viewTimeoutMs });

/** The metrics of this process and, on the same page, of its worker; without those while it is away. */
export class MetricsWithWorker extends Registry {
  readonly #worker: Asked;
  readonly #up: Gauge;
  readonly #deaths: Counter;

  constructor(worker: Asked) {
    super();
    this.#worker = worker;
    this.#up = new Gauge({
      name: 'millrace_worker_up',
      help: 'Whether the process that runs the tasks answers.',
      registers: [this],
    });
    this.#deaths = new Counter({
      name: 'millrace_worker_deaths_total',
      help: 'Ends of the process that runs the tasks which nobody asked for.',
      registers: [this],
    });
  }

  died(): void {
    this.#deaths.inc();
  }

  override async metrics(): Promise<string> {
    const ofWorker = await this.#worker.ask<'metrics'>({ of: 'metrics' }, { timeoutMs: viewTimeoutMs }).catch(() => '');
    this.#up.set(ofWorker === '' ? 0 : 1);
    return mergePages(await super.metrics(), ofWorker);
  }
}

const nameOf = (family: string) => /^# HELP (\S+)/.exec(family)?.[1] ?? '';
const familiesOf = (page: string) => page.split(/\n(?=# HELP )/).map((family) => family.trim());

/** Two pages as one: series of a family stand together, as Prometheus wants them; a series of both is their sum. */
export function mergePages(first: string, second: string): string {
  const families = new Map(familiesOf(first).map((family) => [nameOf(family), family]));
  for (const family of familiesOf(second)) {
    const name = nameOf(family);
    const known = families.get(name);
    families.set(name, known === undefined ? family : mergeFamilies(known, family));
  }
  return `${[...families.values()].filter((family) => family !== '').join('\n\n')}\n`;
}

function mergeFamilies(first: string, second: string): string {
  const [comments, ofFirst] = partOf(first);
  const values = new Map(ofFirst.map(splitLine));
  for (const [series, value] of partOf(second)[1].map(splitLine)) {
    const known = values.get(series);
    values.set(series, known === undefined ? value : String(Number(known) + Number(value)));
  }
  return [...comments, ...[...values].map((line) => line.join(' '))].join('\n');
}

/** Comments and series of a family. */
function partOf(family: string): [string[], string[]] {
  const lines = family.split('\n');
  return [lines.filter((line) => line.startsWith('#')), lines.filter((line) => !line.startsWith('#'))];
}

/** `name{labels} value`; labels may hold blanks. */
function splitLine(line: string): [string, string] {
  const at = line.lastIndexOf(' ');
  return [line.slice(0, at), line.slice(at + 1)];
}
