import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { inspectEnvironment } from './environment.ts';
import { decimal, flag, integer, list, oneOf, port, text, type Variable } from './variable.ts';
import { type VariableName, variableGroups, variables } from './variables/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'millrace-environment-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(content: string): string {
  files += 1;
  const path = join(folder, String(files));
  writeFileSync(path, content);
  return path;
}

function parse<T>({ type }: Variable<T>, value: string): { value?: T; fault?: string } {
  const parsed = type.safeParse(value);
  return parsed.success ? { value: parsed.data } : { fault: parsed.error.issues.map((i) => i.message).join('; ') };
}
const doc = 'a variable';

describe('the kinds of variables', () => {
  it('should read a flag in the words people use, and refuse others', () => {
    const variable = flag({ doc });
    for (const word of ['true', 'TRUE', '1', 'yes', 'On']) expect(parse(variable, word)).toEqual({ value: true });
    for (const word of ['false', 'False', '0', 'NO', 'off']) expect(parse(variable, word)).toEqual({ value: false });
    for (const word of ['2', 'wahr', ' true', 'truefalse'])
      expect(parse(variable, word)).toEqual({ fault: `expected true or false, instead got "${word}"` });
  });

  it('should read a whole number within its bounds, both included', () => {
    const variable = integer(-2, 10)({ doc });
    expect(parse(variable, '-2')).toEqual({ value: -2 });
    expect(parse(variable, '10')).toEqual({ value: 10 });
    for (const wrong of ['-3', '11', '1.0', '1e1', '0x1', ' 1', '1 ', '+1', 'ten', '--1', '9'.repeat(400)]) {
      expect(parse(variable, wrong)).toEqual({
        fault: `expected a whole number from -2 to 10, instead got "${wrong}"`,
      });
    }
  });

  it('should read a number with a fraction within its bounds', () => {
    const variable = decimal(0.1, 2.5)({ doc });
    expect(parse(variable, '0.1')).toEqual({ value: 0.1 });
    expect(parse(variable, '2')).toEqual({ value: 2 });
    for (const wrong of ['0', '2.51', '1.', '.5', '1,5', 'NaN', 'Infinity', '1e0'])
      expect(parse(variable, wrong)).toEqual({ fault: `expected a number from 0.1 to 2.5, instead got "${wrong}"` });
  });

  it('should read a port, 0 only where any free one may be taken', () => {
    expect(parse(port()({ doc }), '65535')).toEqual({ value: 65_535 });
    expect(parse(port()({ doc }), '0').fault).toBeDefined();
    expect(parse(port(0)({ doc }), '0')).toEqual({ value: 0 });
    expect(parse(port(0)({ doc }), '65536').fault).toBeDefined();
  });

  it('should read one of its words as they are written', () => {
    const variable = oneOf('api', 'worker')({ doc });
    expect(parse(variable, 'worker')).toEqual({ value: 'worker' });
    for (const wrong of ['Worker', 'beat'])
      expect(parse(variable, wrong)).toEqual({ fault: `expected one of api, worker, instead got "${wrong}"` });
  });

  it('should read a list without its blanks and empty entries', () => {
    expect(parse(list({ doc }), ' a, b ,,c,')).toEqual({ value: ['a', 'b', 'c'] });
    expect(parse(list({ doc }), ',')).toEqual({ value: [] });
  });

  it('should read a text as it stands, blanks included', () => {
    expect(parse(text({ doc }), ' a b ')).toEqual({ value: ' a b ' });
  });
});

describe('the variables', () => {
  const names = Object.keys(variables) as VariableName[];

  it('should each have a default of its own kind, and a sentence of what it is for', () => {
    const { faults } = inspectEnvironment({});
    expect(faults).toEqual([]);
    for (const name of names) {
      expect(variables[name].doc, name).toMatch(/\.$/);
      expect(variables[name].accepts, name).not.toBe('');
    }
  });

  it('should each stand in one group', () => {
    const grouped = Object.values(variableGroups).flatMap((group) => Object.keys(group));
    expect(grouped.sort()).toEqual([...names].sort());
  });

  it('should be masked where their name says that they are secret, or their value is a URL with a password', () => {
    const secret = names.filter((name) => 'secret' in variables[name]);
    expect(secret.sort()).toEqual(
      names.filter((name) => /PASSWORD|API_KEY|^CELERY_BROKER_URL$|^REDIS_URL$/.test(name)).sort(),
    );
  });
});

describe('NAME_FILE', () => {
  it('should give the content of the file without its last line break', () => {
    const read = (content: string) => inspectEnvironment({ DB_PASSWORD_FILE: file(content) }).values.DB_PASSWORD;
    expect(read('secret\n')).toBe('secret');
    expect(read('secret\r\n')).toBe('secret');
    expect(read(' two\nlines \n')).toBe(' two\nlines ');
  });

  it('should serve every variable, also those that are no text', () => {
    const { values, faults } = inspectEnvironment({
      DIFY_PORT_FILE: file('8080\n'),
      MODE_FILE: file('api'),
      CELERY_QUEUES_FILE: file('mail,dataset\n'),
    });
    expect(faults).toEqual([]);
    expect(values).toMatchObject({ DIFY_PORT: 8080, MODE: 'api', CELERY_QUEUES: ['mail', 'dataset'] });
  });

  it('should be refused beside NAME, when it cannot be read, and when it is empty', () => {
    const missing = join(folder, 'missing');
    const empty = file('\n');
    const { faults, faulty } = inspectEnvironment({
      DB_USERNAME: 'a',
      DB_USERNAME_FILE: file('b'),
      DB_PASSWORD_FILE: missing,
      REDIS_PASSWORD_FILE: empty,
      DIFY_PORT_FILE: folder,
    });
    expect(faults).toEqual([
      expect.stringMatching(new RegExp(`^DIFY_PORT_FILE: cannot read the file ${folder} \\(EISDIR`)),
      `REDIS_PASSWORD_FILE: the file ${empty} is empty; write the value into it, or unset REDIS_PASSWORD_FILE`,
      'DB_USERNAME: both DB_USERNAME and DB_USERNAME_FILE are set; keep one of them',
      expect.stringMatching(new RegExp(`^DB_PASSWORD_FILE: cannot read the file ${missing} \\(ENOENT`)),
    ]);
    expect([...faulty]).toEqual(['DIFY_PORT', 'REDIS_PASSWORD', 'DB_USERNAME', 'DB_PASSWORD']);
  });

  it('should stand back when NAME_FILE is empty', () => {
    const { values, faults } = inspectEnvironment({ DB_USERNAME: 'a', DB_USERNAME_FILE: '' });
    expect(faults).toEqual([]);
    expect(values.DB_USERNAME).toBe('a');
  });
});

it('should refuse unknown names that start with MILLRACE_, and no others', () => {
  const { faults } = inspectEnvironment({
    MILLRACE_HOEM: '/data',
    MILLRACE_API_KEYS_FILE: '/run/key',
    MILLRACE_CACHE: '/cache',
    PATH: '/bin',
    CELERY_SOMETHING: '1',
  });
  expect(faults).toEqual([
    'MILLRACE_HOEM: no such variable; docs/reference/environment.md lists them all',
    'MILLRACE_API_KEYS_FILE: no such variable; docs/reference/environment.md lists them all',
  ]);
});

it('should count an empty unknown name as unset: the kit of a later release passes its settings on that way', () => {
  expect(inspectEnvironment({ MILLRACE_OF_A_LATER_RELEASE: '' }).faults).toEqual([]);
});

it('should keep the default of a variable that is at fault', () => {
  const { values, faulty } = inspectEnvironment({ DIFY_PORT: 'http', MODE: 'nosuch' });
  expect(values).toMatchObject({ DIFY_PORT: 5001, MODE: 'all' });
  expect([...faulty]).toEqual(['MODE', 'DIFY_PORT']);
});
