import { describe, expect, it } from 'vitest';
import { instant, mark } from '../test/said.ts';
import { barsAllOf, endOf, isAboutAllOf, type OptIn, type OptOut, partsOf } from './statements.ts';

describe('statements about many providers', () => {
  const MANY = 400;
  const providers = Array.from({ length: MANY }, (_, n) => `npi|${1_000_000_000 + n}` as const);
  const at = (n: number) => ({ businessTime: instant(n), from: instant(n), recordedAt: instant(n) });
  const out = (targets = providers): OptOut => ({
    event: `out~${mark(0)}`,
    ...at(1),
    scope: 'provider-specific',
    targets,
  });
  const back = (targets = providers): OptIn => ({ event: `back~${mark(0)}`, ...at(2), targets });
  const counted = (list: typeof providers, reads: { count: number }): typeof providers =>
    new Proxy(list, {
      get(target, key) {
        reads.count += 1;
        return Reflect.get(target, key) as unknown;
      },
    });

  it('end for those that are named', () => {
    const [some, others] = [providers.slice(0, 300), providers.slice(300)];
    const permit = back(some.toReversed());
    expect(partsOf(out(), [permit])).toEqual([
      { targets: some, end: { by: permit, to: instant(2) } },
      { targets: others },
    ]);
    expect(endOf(out(), [permit])).toBeUndefined();
    expect(endOf(out(some), [permit])).toEqual({ by: permit, to: instant(2) });
  });
  it('reach as far as others only if they name all of them', () => {
    const but = providers.toSpliced(200, 1);
    expect([barsAllOf(out(), out(but)), barsAllOf(out(but), out())]).toEqual([true, false]);
    expect([isAboutAllOf(back(), back(but)), isAboutAllOf(back(but), back())]).toEqual([true, false]);
  });
  it('cost by the number of providers, and not by its square', () => {
    const reads = { count: 0 };
    const reversed = counted(providers.toReversed(), reads);
    const [bar, permit] = [out(counted(providers, reads)), back(reversed)];
    expect(endOf(bar, [permit])).toEqual({ by: permit, to: instant(2) });
    expect(barsAllOf(bar, out(reversed))).toBe(true);
    expect(isAboutAllOf(permit, back(reversed))).toBe(true);
    expect(reads.count).toBeGreaterThan(MANY);
    expect(reads.count).toBeLessThan(20 * MANY);
  });
  it('cost as if there was one opt-in, where the first one is about all of them', () => {
    const reads = { count: 0 };
    const bar = out(counted(providers, reads));
    const permits = Array.from({ length: 10 }, (_, n): OptIn => ({
      ...back(counted(providers.toReversed(), reads)),
      event: `back-${n}~${mark(n)}`,
      ...{ from: instant(20 - n), recordedAt: instant(20 - n), businessTime: instant(4_000 + n) },
    }));
    expect(endOf(bar, permits)).toEqual({ by: permits.at(-1), to: instant(11) });
    expect(reads.count).toBeGreaterThan(MANY);
    // The lists of the other nine would be 3,600 providers more.
    expect(reads.count).toBeLessThan(9 * MANY);
  });
});
