import { expect, test, vi } from 'vitest';
import { Poll } from './poll.ts';

test('asks once before it has started, then again and again, one after the other, until it is stopped', async () => {
  vi.useFakeTimers();
  try {
    let begun = 0;
    let answer: () => void = () => undefined;
    const poll = new Poll(() => {
      begun += 1;
      return new Promise((resolve) => (answer = resolve));
    }, 100);
    const started = poll.start();
    await vi.advanceTimersByTimeAsync(500);
    expect(begun).toBe(1);
    answer();
    await started;
    await vi.advanceTimersByTimeAsync(99);
    expect(begun).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(begun).toBe(2);
    // After a stop during a call there is no further call.
    poll.stop();
    answer();
    await vi.advanceTimersByTimeAsync(1000);
    expect(begun).toBe(2);
  } finally {
    vi.useRealTimers();
  }
});
