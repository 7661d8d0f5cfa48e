import { afterEach, describe, expect, expectTypeOf, test, vi } from 'vitest';
import { eventually } from './eventually.ts';

afterEach(() => {
  vi.useRealTimers();
});

const message = (attempt: () => unknown, what?: string): Promise<string> =>
  eventually(attempt, { timeout: 30, interval: 2, ...(what !== undefined && { what }) }).then(
    () => 'it succeeded',
    (error: Error) => error.message,
  );

describe('eventually', () => {
  test('attempts again until the condition holds, and returns what the attempt returned', async () => {
    const answers = [false, false, 'here'] as const;
    let calls = 0;
    expect(await eventually(() => answers[calls++]!)).toBe('here');
    expect(calls).toBe(3);
  });

  test('attempts again while an assertion fails, and accepts that it returns nothing', async () => {
    let calls = 0;
    const assertion = (): void => {
      expect(++calls).toBe(3);
    };
    expect(await eventually(assertion)).toBeUndefined();
    expect(calls).toBe(3);
  });

  test('takes any value but false for a success', async () => {
    for (const value of [undefined, null, 0, '', Number.NaN]) expect(await eventually(() => value)).toBe(value);
  });

  test('waits for one attempt before it starts the next', async () => {
    let running = 0;
    let most = 0;
    let calls = 0;
    await eventually(async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return ++calls === 5;
    });
    expect(most).toBe(1);
  });

  test('names what it waited for and the last failure, and keeps the failure as the cause', async () => {
    const fault = new Error('503');
    expect(await message(() => Promise.reject(fault), 'the member is visible')).toMatch(
      /^waited \d+ ms and \d+ attempts for: the member is visible\nthe last failure: 503$/,
    );
    await expect(eventually(() => Promise.reject(fault), { timeout: 1 })).rejects.toMatchObject({ cause: fault });
  });

  test('names the condition by its source when the test gives no words', async () => {
    expect(await message(() => [1, 2].includes(3))).toMatch(
      /for: \(\) => \[1, 2\]\.includes\(3\)\nthe last failure: the condition is false$/,
    );
  });

  test('names an attempt that does not end', async () => {
    expect(await message(() => new Promise(() => {}), 'an answer')).toMatch(
      /1 attempts for: an answer\nthe last failure: the last attempt has not ended$/,
    );
  });

  test('makes one attempt even without any time', async () => {
    expect(await eventually(() => 'here', { timeout: 0 })).toBe('here');
  });

  test('waits in real time while the test holds the clock', async () => {
    vi.useFakeTimers();
    let calls = 0;
    await eventually(() => ++calls === 3);
    expect(calls).toBe(3);
    expect(await message(() => false, 'nothing')).toMatch(/for: nothing/);
  });

  test('has the type of the attempt without false', () => {
    expectTypeOf(eventually(() => Promise.resolve('x' as string | false))).resolves.toEqualTypeOf<string>();
    expectTypeOf(eventually(() => 5)).resolves.toEqualTypeOf<number>();
  });
});
