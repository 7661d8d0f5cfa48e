import { expect, it, vi } from 'vitest';
import { EngineUnavailable } from '@provider-access/engines/log';
import { regularly } from './regularly.ts';

it('goes on after errors, logs no message that may quote data, and ends when it is stopped', async () => {
  vi.useFakeTimers();
  try {
    const logged: unknown[] = [];
    const errors = [undefined, new EngineUnavailable('the log is away'), new Error('about members/m1'), undefined];
    let runs = 0;
    const job = regularly({
      everyMs: 1000,
      run: async () => {
        const error = errors[runs];
        runs += 1;
        if (error !== undefined) throw error;
      },
      logger: { warn: (...line: unknown[]) => void logged.push(line) },
      failed: 'could not count',
    });
    expect(runs).toBe(0);
    job.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(runs).toBe(1);
    await vi.advanceTimersByTimeAsync(3000);
    expect(runs).toBe(4);
    const text = 'could not count; the next run tries again';
    expect(logged).toEqual([
      [{ reason: 'the log is away' }, text],
      [{ reason: 'Error' }, text],
    ]);
    job.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(runs).toBe(4);
  } finally {
    vi.useRealTimers();
  }
});
