/** A rule of delivery, how it is broken in the source, and the test that must then fail. */

/** What a test stands on beside this checkout. */
export type Needs = 'nothing' | 'redis' | 'docker';

export interface Mutant {
  /** Stable; names the mutant on the command line and in reports. */
  readonly id: string;
  /** The rule, in one sentence. */
  readonly rule: string;
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly text: string;
  /** What stands there when the rule is broken. */
  readonly broken: string;
  readonly test: TestOf;
}

export interface TestOf {
  readonly file: string;
  /** Where its title stands, if that is another file. */
  readonly titlesIn?: string;
  /** Part of the test's full name: only what has it is run. Unset: the whole file. */
  readonly name?: string;
  readonly needs?: Needs;
}

/** A rule that no line of code keeps by itself. */
export interface HeldOtherwise {
  readonly rule: string;
  /** By what, or why not yet. */
  readonly by: string;
}

/** Rules that belong together. */
export interface Chapter {
  readonly title: string;
  readonly mutants: readonly Mutant[];
  readonly otherwise?: readonly HeldOtherwise[];
}

export const needsOf = ({ test }: Mutant): Needs => test.needs ?? 'nothing';

const placesOf = (source: string, text: string): number => source.split(text).length - 1;

/** The source with the rule broken. @throws when the text does not stand there exactly once */
export function breakRule(mutant: Mutant, source: string): string {
  const places = placesOf(source, mutant.text);
  if (places !== 1)
    throw new Error(
      `${mutant.id}: expected its text exactly once in ${mutant.file}, found it ${places} times; put down what stands there now.`,
    );
  return source.replace(mutant.text, () => mutant.broken);
}
