import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readSettings, valuesOf } from './settings.ts';
import { synthesised } from './testing/synthesised.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-settings-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const written = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

describe('settings of the stacks', () => {
  it('should come from the environment first, then from compose/.env, and an empty one counts as unset', () => {
    const file = written('.env', 'REDIS_IMAGE=redis:8.0.3\nEXPOSE_API_PORT=6001\nMILLRACE_TLS=\n');
    const settings = readSettings(valuesOf({ EXPOSE_API_PORT: '6002', POSTGRES_IMAGE: '' }, file));
    expect(settings).toMatchObject({ apiPort: 6002, tls: false, images: { redis: 'redis:8.0.3' } });
  });

  it('should take the address of the Engine from the environment alone, as the gates do', () => {
    const file = written('.env', 'DOCKER_HOST=tcp://of-the-file\n');
    expect(readSettings(valuesOf({}, file)).dockerHost).toBeUndefined();
    expect(readSettings(valuesOf({ DOCKER_HOST: 'tcp://of-the-shell' }, file)).dockerHost).toBe('tcp://of-the-shell');
  });

  it('should do without compose/.env', () => {
    expect(valuesOf({}, join(folder, 'none'))).toEqual({});
  });

  it.each([
    ['EXPOSE_API_PORT', '0', 'a whole number from 1 to 65535'],
    ['EXPOSE_API_PORT', '5001.5', 'a whole number'],
    ['MILLRACE_TLS', 'yes', 'false or true'],
    ['MILLRACE_POOLS', 'many', 'none or pools'],
    ['MILLRACE_WAL', 'wal-archive', 'none: compose archives the WAL'],
    ['MILLRACE_PROJECT', 'My Project', 'small letters'],
    ['MILLRACE_WORKER_MEMORY', '2 GB', 'a size such as 512m or 2g'],
    ['MILLRACE_WORKER_CPUS', '0', 'a number above 0'],
    ['MILLRACE_WORKER_REPLICAS', '101', 'a whole number from 1 to 100'],
    ['EXPOSE_API_ADDRESS', 'everywhere', 'an IPv4 address'],
    ['MILLRACE_STATE_BACKEND', 'S3!', "one of Terraform's backends"],
  ])('should refuse %s=%s', (name, value, expected) => {
    expect(() => readSettings({ [name]: value })).toThrow(`${name} is "${value}"; expected`);
    expect(() => readSettings({ [name]: value })).toThrow(expected);
  });

  it.each([
    ['512m', 512],
    ['2g', 2048],
    ['1GB', 1024],
  ])('should read a size of %s', (value, megabytes) => {
    expect(readSettings({ MILLRACE_REDIS_MEMORY: value }).limits.redis.memoryMegabytes).toBe(megabytes);
  });
});

describe('where the state stands', () => {
  it('should be a remote backend by setting, a state of its own for each stack', () => {
    const file = written('backend.json', '{"bucket": "states", "key": "millrace/{stack}.tfstate"}');
    const values = { MILLRACE_STATE_BACKEND: 's3', MILLRACE_STATE_CONFIGURATION: file };
    expect(synthesised('cluster', values).terraform.backend).toEqual({
      s3: { bucket: 'states', key: 'millrace/millrace-cluster.tfstate' },
    });
  });

  it('should be told when its configuration cannot be read', () => {
    const values = {
      MILLRACE_STATE_BACKEND: 's3',
      MILLRACE_STATE_CONFIGURATION: written('backend.json', 'bucket=states'),
    };
    expect(() => readSettings(values)).toThrow('expected a file with a JSON object');
  });
});
