/** `make bench-indexing`: extraction and splitting against Python's libraries, then the whole pipeline. */
import { makeCorpus } from './corpus.ts';
import { measureExtraction } from './extraction.ts';
import { machine, writeReport } from './report.ts';

const say = (text = '') => console.log(text);
const { cpu, cores, system, node } = machine();
say(`${cpu}, ${cores} cores, ${system}, Node ${node}\n`);
await using corpus = await makeCorpus();
const { rows, goals } = await measureExtraction(corpus, say);
for (const { name, figure, met } of goals) say(`${met ? 'met   ' : 'MISSED'}  ${name}: ${figure}`);
say(`\nwritten: ${await writeReport('indexing', rows)}`);
