/** Prints the counterexamples of all weakened rules: `node tools/model/main.ts`. */
import { inWords } from './explore.ts';
import { broken, weakenings } from './weakened.ts';

for (const weakening of weakenings) {
  const found = broken(weakening);
  process.stdout.write(`When ${weakening.name}, ${found ? inWords(found) : 'nothing breaks'}\n\n`);
}
