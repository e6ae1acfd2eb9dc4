import { afterEach, expect, it, vi } from 'vitest';
import { findApiKey } from './api-key.ts';

afterEach(() => vi.unstubAllGlobals());

/** As k6 reads files and words what fails. */
const k6Opens = (read: (path: string) => string) => vi.stubGlobal('open', read);
const fails = (words: string) => {
  const error = new Error(words);
  error.name = 'GoError';
  throw error;
};

it.each([
  ['may not be read', () => fails('open /keys/of: mine/api-key: permission denied'), 'permission denied'],
  ['is a folder', () => fails(`open() can't be used with directories`), `open() can't be used with directories`],
  ['is empty', () => '\n', 'empty'],
])('should say of a key file that it %s', (_what, read, why) => {
  k6Opens(read);
  expect(findApiKey({ MILLRACE_HOME: '/keys/of: mine' })).toEqual({
    key: undefined,
    looked: ['MILLRACE_API_KEY', `/keys/of: mine/api-key (${why})`],
  });
});

it('should name a key file that is not there', () => {
  k6Opens((path) => fails(`stat ${path}: no such file or directory`));
  expect(findApiKey({ MILLRACE_HOME: '/nowhere' }).looked).toEqual(['MILLRACE_API_KEY', '/nowhere/api-key']);
});

it('should go on to the next file where one may not be read', () => {
  k6Opens((path) =>
    path === '/here/.millrace/api-key' ? fails(`open ${path}: permission denied`) : 'mr-of-the-checkout\n',
  );
  expect(findApiKey({ PWD: '/here' })).toMatchObject({ key: 'mr-of-the-checkout' });
});
