import v8 from 'node:v8';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { collect } from '../bounded-child/testing/collect.ts';
import type { Block } from '../document.ts';
import { type PageRange, type RangePart, sharedPages } from '../extraction/page-sharing.ts';
import { defaultSharing } from './limits.ts';
import { PageLedger } from './page-ledger.ts';

const seed = Number(process.env.MILLRACE_TEST_SEED ?? 20_261_121);
console.info(`page-ledger.property.test seed ${seed} (MILLRACE_TEST_SEED changes it)`);

const blockOf = (page: number): Block => ({ kind: 'text', text: `page ${page} `.repeat(page % 7), page });
const pageOf = (at: number) => ({ blocks: at % 7 === 0 ? [] : [blockOf(at)], drawn: at % 14 === 0 });
function* pagesOf({ from, to }: PageRange) {
  for (let at = from; at < to; at += 1) yield pageOf(at);
}

interface Plan {
  readonly pages: number;
  readonly rangePages: number;
  readonly maxAheadRanges: number;
  readonly maxAheadBytes: number;
  /** After how many ranges each helper leaves. */
  readonly helpers: readonly number[];
  /** Turns of the event loop that each step takes, over and over. */
  readonly delays: readonly number[];
}

const plans: fc.Arbitrary<Plan> = fc.record({
  pages: fc.integer({ min: 1, max: 200 }),
  rangePages: fc.integer({ min: 1, max: 12 }),
  maxAheadRanges: fc.integer({ min: 1, max: 6 }),
  maxAheadBytes: fc.integer({ min: 0, max: 400 }),
  helpers: fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 3 }),
  delays: fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 20 }),
});

async function play({ pages, helpers, delays, ...limits }: Plan) {
  let step = 0;
  const turns = async () => {
    step += 1;
    for (let left = delays[step % delays.length] ?? 0; left > 0; left -= 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const ledger = new PageLedger({ pages, bytes: 1, crc32: 1 }, { ...defaultSharing, ...limits });
  async function help(most: number): Promise<void> {
    for (let done = 0; ; done += 1) {
      const range = await ledger.claim(() => done > most);
      if (range === undefined) return;
      for (const [at, page] of [...pagesOf(range)].entries()) {
        await turns();
        const last = range.from + at + 1 === range.to;
        const part = { blocks: v8.serialize(page.blocks), drawnPages: page.drawn ? 1 : 0, last };
        await ledger.deliver({ index: range.index, part });
      }
    }
  }
  const helping = helpers.map(help);
  const sharing = {
    minPages: 0,
    begin: async () => ledger.ranges,
    async next(waited: number, ahead: boolean) {
      await turns();
      const answer = await ledger.next(waited, ahead);
      if (answer.do === 'read') return answer;
      const blocks: Block[] = v8.deserialize(answer.part.blocks);
      return { do: 'take' as const, part: { ...answer.part, blocks } };
    },
  };
  const parts: RangePart[] = await collect(sharedPages(sharing, ledger.print, pagesOf));
  await Promise.all(helping);
  return { parts, heldBytes: ledger.heldBytes };
}

it('should give all pages in page order, each once, however many help and whenever they leave', async () => {
  const property = fc.asyncProperty(plans, async (plan) => {
    const { parts, heldBytes } = await play(plan);
    const straight = Array.from({ length: plan.pages }, (_, at) => pageOf(at));
    expect(parts.flatMap(({ blocks }) => blocks)).toEqual(straight.flatMap(({ blocks }) => blocks));
    expect(parts.reduce((sum, part) => sum + part.drawnPages, 0)).toBe(straight.filter(({ drawn }) => drawn).length);
    expect(heldBytes).toBe(0);
  });
  await fc.assert(property, { seed, numRuns: 100 });
});
