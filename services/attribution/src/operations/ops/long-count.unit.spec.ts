import { describe, expect, it } from 'vitest';
import { type Counted, LongCount } from './long-count.ts';

const HOUR = 3_600_000;
const seen = (looked: number): Counted => ({ count: looked / 2, looked });

/** Walks whose steps the test lets go on, one after the other. */
class Walks {
  begun = 0;
  now = 1000;
  readonly #steps: ((step: Counted | Error | undefined) => void)[] = [];
  readonly #asked: (() => void)[] = [];
  readonly count = new LongCount(
    () => this.#walk(),
    100,
    () => this.now,
  );

  async *#walk(): AsyncGenerator<Counted> {
    this.begun++;
    for (;;) {
      const step = await new Promise<Counted | Error | undefined>((resolve) => {
        this.#steps.push(resolve);
        this.#asked.shift()?.();
      });
      if (step instanceof Error) throw step;
      if (step === undefined) return;
      yield step;
    }
  }
  /** The next step of the oldest walk that waits; undefined ends it. */
  async step(step?: Counted | Error): Promise<void> {
    if (this.#steps.length === 0) await new Promise<void>((resolve) => this.#asked.push(resolve));
    this.#steps.shift()!(step);
  }
}

describe('a count over all members', () => {
  it('is exact in the answer, and made again for the next one, while the members are few', async () => {
    const walks = new Walks();
    const first = walks.count.value();
    await walks.step(seen(100));
    await walks.step();
    expect(await first).toEqual({ state: 'exact', value: 50 });
    const next = walks.count.value();
    await walks.step({ count: 3, looked: 9, atLeast: true });
    await walks.step();
    expect(await next).toEqual({ state: 'at-least', value: 3 });
    expect(walks.begun).toBe(2);
  });

  it('goes on behind an answer that says how far it is, and its end stands for an hour', async () => {
    const walks = new Walks();
    const first = walks.count.value();
    await walks.step(seen(120));
    expect(await first).toEqual({ state: 'unknown', why: 'being-counted', looked: 120 });
    await walks.step(seen(400));
    await walks.step(seen(500));
    expect(await walks.count.value()).toMatchObject({ state: 'unknown' });
    walks.now = 2000;
    await walks.step();
    await expect.poll(() => walks.count.value()).toEqual({ state: 'exact', value: 250, countedAt: 2000 });
    walks.now += HOUR - 1;
    expect(await walks.count.value()).toEqual({ state: 'exact', value: 250, countedAt: 2000 });
    expect(walks.begun).toBe(1);
    walks.now += 1;
    const later = walks.count.value();
    await walks.step(seen(20));
    await walks.step();
    expect(await later).toEqual({ state: 'exact', value: 10 });
  });

  it('is one walk for all who ask at once', async () => {
    const walks = new Walks();
    const all = [walks.count.value(), walks.count.value(), walks.count.value()];
    await walks.step(seen(10));
    await walks.step();
    for (const value of await Promise.all(all)) expect(value).toEqual({ state: 'exact', value: 5 });
    expect(walks.begun).toBe(1);
  });

  it('tells a fault to those who wait, and begins anew after one that nobody waited for', async () => {
    const walks = new Walks();
    const first = walks.count.value();
    await walks.step(new Error('engine gone'));
    await expect(first).rejects.toThrow('engine gone');
    const second = walks.count.value();
    await walks.step(seen(120));
    expect(await second).toMatchObject({ state: 'unknown' });
    await walks.step(new Error('engine gone'));
    await expect
      .poll(() => {
        void walks.count.value();
        return walks.begun;
      })
      .toBe(3);
  });
});
