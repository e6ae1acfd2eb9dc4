import { describe, expect, it } from 'vitest';
import { rememberKeys } from './auth.ts';

describe('remembered keys', () => {
  const setUp = () => {
    const tenants = new Map([['key', 'tenant']]);
    const asked: string[] = [];
    let now = 0;
    const tenantOf = rememberKeys(
      async (key) => {
        asked.push(key);
        return tenants.get(key);
      },
      () => now,
    );
    return { tenants, asked, tenantOf, pass: (ms: number) => (now += ms) };
  };

  it('should ask once for many requests, side by side and after each other', async () => {
    const { asked, tenantOf } = setUp();
    await Promise.all([tenantOf('key', 'h'), tenantOf('key', 'h')]);
    expect(await tenantOf('key', 'h')).toBe('tenant');
    expect(asked).toEqual(['key']);
  });

  it('should let a revoked key in for less than ten seconds', async () => {
    const { tenants, tenantOf, pass } = setUp();
    await tenantOf('key', 'h');
    tenants.delete('key');
    expect(await tenantOf('key', 'h')).toBe('tenant');
    pass(9_999);
    expect(await tenantOf('key', 'h')).toBeUndefined();
  });

  it('should let a new key in at once', async () => {
    const { tenants, tenantOf } = setUp();
    expect(await tenantOf('new', 'n')).toBeUndefined();
    tenants.set('new', 'tenant');
    expect(await tenantOf('new', 'n')).toBe('tenant');
  });

  it('should remember no more than a bounded number', async () => {
    const { tenants, asked, tenantOf } = setUp();
    await tenantOf('key', 'h');
    for (let n = 0; n < 1000; n += 1) {
      tenants.set(`k${n}`, 'tenant');
      await tenantOf(`k${n}`, `h${n}`);
    }
    asked.length = 0;
    await tenantOf('key', 'h');
    expect(asked).toEqual(['key']);
  });
});
