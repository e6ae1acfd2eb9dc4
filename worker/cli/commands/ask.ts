/** `millrace ask`: the parts of a dataset that answer a question. */
import { Option } from 'commander';
import { type ApiOptions, apiCommand, type Register } from '../command-line.ts';
import { datasetNamed } from '../datasets.ts';
import { exitCode } from '../exit-codes.ts';
import { wholeNumber } from '../options.ts';

interface Options extends ApiOptions {
  readonly dataset: string;
  readonly top: number;
  readonly method?: string;
}

/** What is read of the answer of a retrieval. */
interface Retrieved {
  readonly records: readonly {
    readonly score: number;
    readonly segment: {
      readonly content: string;
      readonly page: number | null;
      readonly section: string | null;
      readonly document: { readonly name: string };
    };
  }[];
}

const methods = ['semantic_search', 'full_text_search', 'hybrid_search', 'keyword_search'];
const excerptChars = 400;

export const registerAsk: Register = (program, cli) => {
  apiCommand(program, 'ask', 'the parts of a dataset that answer a question, best first')
    .argument('<question...>', 'in plain words')
    .option('--dataset <name or id>', 'which one', 'documents')
    .option('--top <n>', 'so many parts', wholeNumber(1, 50), 3)
    .addOption(
      new Option('--method <method>', "how it is searched; left out: as the dataset's kind allows").choices(methods),
    )
    .action(async (words: string[], options: Options) => {
      const client = await cli.connect(options);
      const dataset = await datasetNamed(client, options.dataset, { make: false });
      const answer = await client.post<Retrieved>(`/v1/datasets/${dataset.id}/retrieve`, {
        query: words.join(' '),
        retrieval_model: { top_k: options.top, ...(options.method !== undefined && { search_method: options.method }) },
      });
      if (options.json) cli.printJson(answer);
      else if (answer.records.length === 0) cli.print('Nothing in the dataset answers that.');
      else cli.print(answer.records.map(recordText).join('\n\n'));
      if (answer.records.length === 0) cli.endWith(exitCode.failed);
    });
};

function recordText({ score, segment }: Retrieved['records'][number]): string {
  const place = [
    segment.document.name,
    ...(segment.page === null ? [] : [`page ${segment.page}`]),
    ...(segment.section === null ? [] : [segment.section]),
  ].join(', ');
  const flat = segment.content.replace(/\s+/g, ' ').trim();
  return `${score.toFixed(3)}  ${place}\n  ${flat.length > excerptChars ? `${flat.slice(0, excerptChars - 1)}…` : flat}`;
}
