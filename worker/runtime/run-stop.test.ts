import { describe, expect, test, vi } from 'vitest';
import { HandedBackError, TimeLimitError } from './execution/reasons.ts';
import { RunStop } from './run-stop.ts';

const task = { name: 'grind', timeLimitSeconds: 60 };

describe('what tells a run to stop', () => {
  test('should abort the signal of its handler with the first reason, whenever that is asked for', () => {
    using stop = new RunStop(task, new AbortController().signal);
    const { signal } = stop;
    expect([stop.aborted, signal.aborted]).toEqual([false, false]);
    stop.abort('lost');
    stop.abort('late');
    expect(stop).toMatchObject({ aborted: true, reason: 'lost' });
    expect(signal.reason).toBe('lost');
    using unasked = new RunStop(task, new AbortController().signal);
    unasked.abort('lost');
    expect(unasked.signal).toMatchObject({ aborted: true, reason: 'lost' });
  });

  test('should tell who runs the handler once, also one who asks too late', () => {
    using stop = new RunStop(task, new AbortController().signal);
    const [early, late] = [vi.fn(), vi.fn()];
    stop.onAbort(early);
    expect(early).not.toHaveBeenCalled();
    stop.abort('lost');
    stop.abort('again');
    stop.onAbort(late);
    expect(early).toHaveBeenCalledOnce();
    expect(late).toHaveBeenCalledOnce();
  });

  test('should hand back every run of a process that ends, those it begins after that too, and none that has ended', () => {
    const end = new AbortController();
    using first = new RunStop(task, end.signal);
    using second = new RunStop(task, end.signal);
    const over = new RunStop(task, end.signal);
    over[Symbol.dispose]();
    end.abort();
    for (const stop of [first, second]) expect(stop.reason).toBeInstanceOf(HandedBackError);
    expect(over.aborted).toBe(false);
    using late = new RunStop(task, end.signal);
    expect(late.reason).toBeInstanceOf(HandedBackError);
  });

  test('should count the time limit from when the handler is entered to when it has ended', () => {
    vi.useFakeTimers();
    try {
      using stop = new RunStop(task, new AbortController().signal);
      vi.advanceTimersByTime(120_000);
      expect(stop.entered()).toBe(Date.now() + 60_000);
      vi.advanceTimersByTime(59_999);
      expect(stop.aborted).toBe(false);
      vi.advanceTimersByTime(1);
      expect(stop.reason).toBeInstanceOf(TimeLimitError);
      using done = new RunStop(task, new AbortController().signal);
      done.entered();
      done.left();
      vi.advanceTimersByTime(120_000);
      expect(done.aborted).toBe(false);
    } finally {
      vi.useRealTimers();
    }
  });
});
