import { expect, test } from 'vitest';
import { volumesOf } from './volumes.ts';

test('should take the volumes of the stack, and none whose name only holds it', () => {
  const own = ['millrace-standalone-storage', 'millrace-standalone-redis_data', 'millrace-standalone-secrets_api'];
  const others = [
    'millrace-sentinel-storage',
    'my-millrace-standalone-storage',
    'millrace-standalone2-storage',
    // of the project `millrace-standalone`
    'millrace-standalone-sentinel-storage',
    'millrace-standalone-',
  ];
  expect(volumesOf('millrace-standalone', [...others, ...own])).toEqual(own);
});
