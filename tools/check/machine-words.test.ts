import { describe, expect, test } from 'vitest';
import { findMachineWords } from './machine-words.ts';

const words = (text: string) => findMachineWords(text, ['/home/somebody/millrace']).map(({ word }) => word);

describe('findMachineWords', () => {
  test('should find a registry by the name of its host', () => {
    // Put together here, so that this file holds none itself.
    const host = ['registry', 'example', 'org'].join('.');
    expect(findMachineWords(`a\nfrom https://${host}/left-pad`, [])).toEqual([
      { line: 2, what: "a package registry's host", word: host },
    ]);
  });

  test('should find the address that npm writes into a lock file', () => {
    expect(words(`"${'resolved'}": "https://somewhere/left-pad.tgz"`)).toHaveLength(1);
  });

  test("should find the checkout's own path, and no word that only begins like it", () => {
    expect(words('cd /home/somebody/millrace/worker')).toEqual(['/home/somebody/millrace']);
    expect(words('cd /home/somebody/millrace-two /x/home/somebody/millrace')).toEqual([]);
  });

  test('should leave ordinary words alone', () => {
    expect(words('WORKDIR /app; worker/runtime/registry.ts; registry.get(name); a proxy.')).toEqual([]);
  });
});
