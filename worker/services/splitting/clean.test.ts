import { describe, expect, test } from 'vitest';
import { clean } from './clean.ts';

const none = { removeExtraSpaces: false, removeUrlsEmails: false };

describe('clean', () => {
  test('should always remove what is never text, and keep letters', () => {
    expect(clean('<|im_end|> na\u0000ïve\ufffe a\fb', none, false)).toBe('<im_end> naïve a\nb');
    expect(clean('a\ud800b', none, false)).toBe('a\ufffdb');
  });

  test('should make runs of blanks one space and runs of line ends two, but not in code', () => {
    const rule = { ...none, removeExtraSpaces: true };
    expect(clean('a \u3000\t b\n\n\n\nc', rule, false)).toBe('a b\n\nc');
    expect(clean('if x:\n    y', rule, true)).toBe('if x:\n    y');
  });

  test('should remove URLs and addresses, but not the targets of Markdown links and images', () => {
    const rule = { ...none, removeUrlsEmails: true };
    expect(clean('See https://a.example/x?y=1 or mail me@b.example.org.', rule, false)).toBe('See  or mail .');
    const markdown =
      '![alt](https://a.example/i.png) [text](https://b.example/@c@d.example) [![i](https://e.example/f)](https://g.example)';
    expect(clean(markdown, rule, false)).toBe(markdown);
    expect(clean('网址https://a.example/x，然后继续', rule, false)).toBe('网址，然后继续');
  });

  test('should stay fast on hostile text', () => {
    const rule = { removeExtraSpaces: true, removeUrlsEmails: true };
    const started = performance.now();
    for (const part of ['a', '[', 'a@', 'http://', '![](', ' \n'])
      clean(`@://${part.repeat(30_000 / part.length)}`, rule, false);
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});
