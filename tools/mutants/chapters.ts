/** The rules of delivery, in the order in which docs/delivery-tests.md lists them. */
import type { Chapter, Mutant } from './mutant.ts';
import { bullmq } from './rules/bullmq.ts';
import { elsewhere, withoutRow } from './rules/elsewhere.ts';
import { flows } from './rules/flows.ts';
import { ledger } from './rules/ledger.ts';
import { embedded, execution, table } from './rules/places.ts';
import { attempts, effects } from './rules/runs.ts';
import { pausing, waiting } from './rules/waiting.ts';
import { windows } from './rules/window.ts';

export const chapters: readonly Chapter[] = [
  ledger,
  bullmq,
  windows,
  waiting,
  pausing,
  elsewhere,
  withoutRow,
  effects,
  flows,
  attempts,
  execution,
  table,
  embedded,
];

export const mutants: readonly Mutant[] = chapters.flatMap((chapter) => chapter.mutants);
