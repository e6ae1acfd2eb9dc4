import { describe, expect, test } from 'vitest';
import { analyse, countWords, keywords, maxSearchTextChars, maxWordChars, searchWords } from './words.ts';

describe('searchWords', () => {
  test('should give lower-case words without stop words and punctuation, in order, with repeats', () => {
    expect(searchWords("The Mill's wheel, and the WHEEL: don't stop (v2.0)!")).toEqual([
      'mill',
      'wheel',
      'wheel',
      'dont',
      'stop',
      'v2',
      '0',
    ]);
    expect(searchWords('Ｆｕｌｌ ｗｉｄｔｈ ﬁne Straße')).toEqual(['full', 'width', 'fine', 'straße']);
  });

  test('should find the same words of ASCII text whether or not other characters stand beside it', () => {
    const ascii = "It's the O'Neil's 3rd pump_house's x86 'quoted' rock'n'roll, don't; A'1 B''C";
    expect(searchWords(ascii)).toEqual(searchWords(`${ascii} \u2022`));
  });

  test('should cut Chinese into words and add the pairs of long ones', () => {
    const words = searchWords('我们在图书馆学习机器学习。');
    for (const word of ['图书馆', '图书', '学习', '机器']) expect(words).toContain(word);
    expect(words).not.toContain('我们');
  });

  test('should cut Japanese by script and Thai by its words', () => {
    const words = searchWords('東京タワーに行きました');
    expect(words.slice(0, 3)).toEqual(['東京', 'タワー', '行']);
    expect(searchWords('สวัสดีครับ')).toEqual(['สวัสดี', 'ครับ']);
  });

  test('should find in a document the words of a query in the same language', () => {
    const document = new Set(searchWords('黄石国家公园建立于1872年，是世界上第一个国家公园。'));
    for (const word of searchWords('国家公园 1872')) expect(document).toContain(word);
  });

  test('should bound words and text', () => {
    expect(searchWords('x'.repeat(5_000))).toEqual(['x'.repeat(maxWordChars)]);
    const long = Array.from({ length: 60_000 }, (_, index) => `word${index}`).join(' ');
    expect(analyse(long).searchText.length).toBeLessThanOrEqual(maxSearchTextChars);
  });
});

describe('keywords', () => {
  test('should give at most ten, best first, without numbers and stop words', () => {
    const found = keywords('Redis Redis Redis queue queue worker 12345 the the the the of of of of ab');
    expect(found).toEqual(['redis', 'queue', 'worker']);
    expect(keywords('one two three four five six seven eight nine eleven twelve thirteen')).toHaveLength(10);
  });
});

describe('countWords', () => {
  test('should count stop words too, and a Chinese word as one', () => {
    expect(countWords('The quick fox.')).toBe(3);
    expect(countWords('机器学习很有趣')).toBeLessThan(6);
    expect(countWords(' ,. ')).toBe(0);
  });
});
