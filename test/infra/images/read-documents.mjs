/**
 * Run inside the worker image: parses each document of a folder as the worker does, embeds a text, cuts Chinese, opens
 * the store of files. Prints `{segments: {name: count}, dimensions, words}`. The image holds fewer files than the packages bring: this fails
 * when one that is needed was taken out.
 */
import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const at = (path) => import(`/app/worker/services/${path}`);
const { DocumentParser } = await at('parsing/parse.ts');
const { EmbeddedEmbedder } = await at('embedding/embedded.ts');
const { hanWords } = await at('search-text/cjk.ts');
const { openStorage } = await at('storage/storage.ts');

const segments = {};
const parser = new DocumentParser({ size: 1 });
for (const name of readdirSync(folder).filter((file) => !/^(README\.md|questions\.json|\.)/.test(file))) {
  const source = () => createReadStream(join(folder, name));
  for await (const event of parser.parse({ source, name, rule: { mode: 'automatic' } })) {
    if (event.type === 'done') segments[name] = event.segments;
  }
}
await parser.close();
const embedder = new EmbeddedEmbedder();
const [vector] = await embedder.embed(['the mill race'], { kind: 'query' });
await openStorage({ scheme: 'fs', options: { root: '/tmp/storage' } });
console.log(JSON.stringify({ segments, dimensions: vector.length, words: hanWords('我们在学习分词') }));
process.exit();
