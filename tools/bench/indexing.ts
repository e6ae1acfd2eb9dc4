/** `make bench-indexing [extraction|pipeline]`: extraction and splitting against Python's libraries, and the whole pipeline. */
import os from 'node:os';
import { makeCorpus } from './corpus.ts';
import { measureExtraction, type PartResult } from './extraction.ts';
import { measurePipeline } from './pipeline.ts';
import { machine, writeReport } from './report.ts';

/** The whole takes three minutes on a machine at rest. With the time to clear up it ends within six. */
const limitMs = 300_000;
const clearMs = 60_000;

const say = (text = '') => console.log(text);
const parts: Readonly<Record<string, () => Promise<PartResult>>> = {
  async extraction() {
    await using corpus = await makeCorpus();
    return await measureExtraction(corpus, say, abort.signal);
  },
  pipeline: () => measurePipeline(say, abort.signal),
};

async function bench(names: readonly string[]): Promise<void> {
  const { cpu, cores, system, node } = machine();
  const load = os.loadavg().map((value) => value.toFixed(1));
  say(
    `${cpu}, ${cores} cores, ${system}, Node ${node}; load before ${load.join(' ')}: figures are of a machine at rest only\n`,
  );
  const results: PartResult[] = [];
  for (const name of names) {
    const part = parts[name];
    if (part === undefined) throw new Error(`unknown part "${name}"; there are ${Object.keys(parts).join(', ')}`);
    results.push(await part());
  }
  say('Goals');
  for (const { name, figure, met } of results.flatMap(({ goals }) => goals)) {
    say(`  ${met ? 'met   ' : 'MISSED'}  ${name}: ${figure}`);
  }
  const written = await writeReport(
    'indexing',
    results.flatMap(({ rows }) => rows),
  );
  say(`\nwritten: ${written}`);
}

const abort = new AbortController();
const { promise: cleared, resolve: giveUp } = Promise.withResolvers<void>();
/** Ends what runs at its next step, so that servers, processes and folders go; after a while it ends all the same. */
function stop(reason: string): void {
  abort.abort(new Error(reason));
  setTimeout(giveUp, clearMs).unref();
}
setTimeout(() => stop(`the benchmark took longer than ${limitMs / 1000} s`), limitMs).unref();
process.once('SIGINT', () => stop('interrupted'));
const named = process.argv.slice(2);
const gaveUp = cleared.then(() => {
  throw abort.signal.reason;
});
try {
  await Promise.race([bench(named.length > 0 ? named : Object.keys(parts)), gaveUp]);
} catch (error) {
  console.error(error);
  process.exit(1);
}
