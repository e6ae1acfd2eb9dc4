export interface MachineWord {
  /** From 1. */
  readonly line: number;
  readonly what: string;
  readonly word: string;
}

/** Hosts by the names that package registries and their mirrors go by: one label of those, then a domain. */
const registryHost = /\b(?:registry|pypi|deb|proxy|repo1?|crates)\.(?:[a-z0-9-]+\.)*(?:org|com|io|dev|net)\b/gi;
/** npm writes where a package came from unless .npmrc forbids it. */
const resolvedAddress = /"resolved": "https?:/g;
function pattern(path: string): RegExp {
  return new RegExp(`(?<![\\w.-])${path.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![\\w-])`, 'g');
}

/** Finds registry hosts, resolved package addresses, and `ownPaths` (absolute paths) in a text. */
export function findMachineWords(text: string, ownPaths: readonly string[]): readonly MachineWord[] {
  const patterns: readonly (readonly [string, RegExp])[] = [
    ["a package registry's host", registryHost],
    ["a package's address", resolvedAddress],
    ...ownPaths.map((path) => ['a path of this machine', pattern(path)] as const),
  ];
  return patterns.flatMap(([what, expression]) =>
    [...text.matchAll(expression)].map((match) => ({
      line: text.slice(0, match.index).split('\n').length,
      what,
      word: match[0],
    })),
  );
}
