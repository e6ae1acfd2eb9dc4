/** Samples by subject and metric, collected over the rounds. */
import { type BenchRow, median, row } from '../report.ts';

export class Samples {
  readonly #rows = new Map<string, { subject: string; metric: string; unit: string; samples: number[] }>();

  add(subject: string, metric: string, unit: string, value: number): void {
    const key = `${subject}\n${metric}`;
    const known = this.#rows.get(key);
    if (known) known.samples.push(value);
    else this.#rows.set(key, { subject, metric, unit, samples: [value] });
  }

  of(subject: string, metric: string): readonly number[] {
    return this.#rows.get(`${subject}\n${metric}`)?.samples ?? [];
  }

  /** NaN when it was not measured. */
  median(subject: string, metric: string): number {
    return median(this.of(subject, metric));
  }

  rows(): BenchRow[] {
    return [...this.#rows.values()].map(({ subject, metric, unit, samples }) => row(subject, metric, unit, samples));
  }
}
