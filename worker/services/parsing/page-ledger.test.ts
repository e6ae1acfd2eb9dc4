import { describe, expect, it } from 'vitest';
import { defaultSharing, type SharingLimits } from './limits.ts';
import { PageLedger } from './page-ledger.ts';
import type { SentPart } from './page-messages.ts';

const print = { pages: 100, bytes: 1, crc32: 1 };
const limits: SharingLimits = { ...defaultSharing, rangePages: 10, maxAheadRanges: 3, maxAheadBytes: 1_000 };
const stays = () => false;

function ledgerOf(more: Partial<SharingLimits> = {}): PageLedger {
  return new PageLedger(print, { ...limits, ...more });
}
function partOf(bytes: number, last: boolean): SentPart {
  return { blocks: new Uint8Array(bytes), drawnPages: 0, last };
}
/** What is still pending when everything that can go on has gone on. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const idle = new Promise((resolve) => setImmediate(resolve)).then(() => 'idle');
  return (await Promise.race([promise.then(() => 'done'), idle])) === 'idle';
}

describe('a ledger of pages', () => {
  it('should hand out gapless ranges in page order, the last as short as it is', async () => {
    const ledger = new PageLedger({ ...print, pages: 25 }, limits);
    expect(ledger.ranges).toBe(3);
    expect(await ledger.next(0, true)).toEqual({ do: 'read', range: { index: 0, from: 0, to: 10 } });
    expect(await ledger.claim(stays)).toEqual({ index: 1, from: 10, to: 20 });
    expect(await ledger.claim(stays)).toEqual({ index: 2, from: 20, to: 25 });
    expect(await ledger.claim(stays)).toBeUndefined();
  });

  it('should let nobody read further ahead than it may, and go on when the lead does', async () => {
    const ledger = ledgerOf();
    for (let index = 0; index < 3; index += 1) expect(await ledger.claim(stays)).toMatchObject({ index });
    const fourth = ledger.claim(stays);
    expect(await isPending(fourth)).toBe(true);
    const next = ledger.next(0, true);
    expect(await isPending(next)).toBe(true);
    await ledger.deliver({ index: 0, part: partOf(1, true) });
    await next;
    void ledger.next(1, false);
    expect(await fourth).toMatchObject({ index: 3 });
  });

  it('should hold back helpers that are ahead when enough is held, but never the range that the lead waits for', async () => {
    const ledger = ledgerOf();
    await ledger.claim(stays);
    await ledger.claim(stays);
    const early = ledger.deliver({ index: 1, part: partOf(1_001, false) });
    expect(await isPending(early)).toBe(true);
    const due = ledger.deliver({ index: 0, part: partOf(500, false) });
    expect(await isPending(due)).toBe(true);
    expect(ledger.heldBytes).toBe(1_501);
    expect(await ledger.next(0, true)).toMatchObject({ do: 'take', part: { last: false } });
    await due;
    expect(await isPending(early)).toBe(true);
    void ledger.deliver({ index: 0, part: partOf(1, true) });
    await ledger.next(0, true);
    expect(await ledger.next(1, true)).toMatchObject({ do: 'take' });
    await early;
    expect(ledger.heldBytes).toBe(0);
  });

  it('should give the lead something further on to read while a helper is at the range it waits for', async () => {
    const ledger = ledgerOf();
    await ledger.claim(stays);
    expect(await ledger.next(0, true)).toMatchObject({ do: 'read', range: { index: 1 } });
    expect(await isPending(ledger.next(0, false))).toBe(true);
  });

  it('should tell a fault when the lead gets to it, not before', async () => {
    const ledger = ledgerOf();
    await ledger.claim(stays);
    await ledger.claim(stays);
    const fault = new Error('a page is bad');
    ledger.fail(1, fault);
    await ledger.deliver({ index: 0, part: partOf(1, true) });
    expect(await ledger.next(0, true)).toMatchObject({ do: 'take' });
    await expect(ledger.next(1, true)).rejects.toBe(fault);
  });

  it('should let a helper leave that waits for room', async () => {
    const ledger = ledgerOf({ maxAheadRanges: 1 });
    await ledger.claim(stays);
    let wanted = false;
    const waiting = ledger.claim(() => wanted);
    expect(await isPending(waiting)).toBe(true);
    wanted = true;
    ledger.wake();
    expect(await waiting).toBeUndefined();
  });

  it('should hold nobody back after its end', async () => {
    const ledger = ledgerOf();
    await ledger.claim(stays);
    await ledger.claim(stays);
    const held = ledger.deliver({ index: 1, part: partOf(5_000, false) });
    ledger.end();
    await held;
    expect(await ledger.claim(stays)).toBeUndefined();
  });
});
