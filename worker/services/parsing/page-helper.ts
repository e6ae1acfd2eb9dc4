/** The children's side of sharing pages: the one that puts them together, and those that help it. */
import v8 from 'node:v8';
import type { ChildContext } from '../bounded-child/runner.ts';
import type { Block } from '../document.ts';
import { type FilePrint, type NextStep, type PageRange, type PageSharing, partOf } from '../extraction/page-sharing.ts';
import { openPdfPages } from '../extraction/pdf.ts';
import { maxBatchChars } from './limits.ts';
import type { HelpArgument, HelperQuestion, HelperValue, LeadAnswer, LeadQuestion } from './page-messages.ts';

/** Sharing by questions to the parent. */
export function sharingThrough(ask: ChildContext['ask'], minPages: number): PageSharing {
  const put = (question: LeadQuestion) => ask(question);
  return {
    minPages,
    // What `PageLedger` answers, on the other end of a private pipe; so below.
    begin: async (print) => (await put({ ask: 'begin', print })) as number,
    async next(waited, ahead): Promise<NextStep> {
      const answer = (await put({ ask: 'next', waited, ahead })) as LeadAnswer;
      if (answer.do === 'read') return answer;
      const { blocks, drawnPages, last } = answer.part;
      return { do: 'take', part: { blocks: v8.deserialize(blocks) as Block[], drawnPages, last } };
    },
  };
}

/** True of the argument of a job that is `helpWithPages`. */
export function isHelp(argument: unknown): argument is HelpArgument {
  return typeof argument === 'object' && argument !== null && 'help' in argument;
}

/** A `BoundedTask`: reads the ranges that the parent names until there are no more. Values are `HelperValue`s. */
export async function* helpWithPages(
  input: AsyncIterable<Uint8Array>,
  { limits }: HelpArgument,
  { cache, ask }: ChildContext,
): AsyncGenerator<HelperValue> {
  const file = await openPdfPages(input, { limits, cache });
  try {
    for (;;) {
      const range = await claim(ask, file.print);
      if (range === null) return;
      let batch: Block[] = [];
      let chars = 0;
      let drawnPages = 0;
      const sent = (last: boolean): HelperValue => {
        const part = { blocks: v8.serialize(batch), drawnPages, last };
        batch = [];
        chars = 0;
        drawnPages = 0;
        return { index: range.index, part };
      };
      for (const page of file.read(range)) {
        const part = partOf(page);
        drawnPages += part.drawnPages;
        for (const block of part.blocks) {
          if (batch.length > 0 && chars + block.text.length > maxBatchChars) yield sent(false);
          batch.push(block);
          chars += block.text.length;
        }
      }
      yield sent(true);
    }
  } finally {
    file.close();
  }
}

async function claim(ask: ChildContext['ask'], print: FilePrint): Promise<PageRange | null> {
  const question: HelperQuestion = { print };
  return (await ask(question)) as PageRange | null;
}
