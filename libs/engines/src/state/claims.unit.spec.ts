import { describe, expect, it } from 'vitest';
import { openMapState } from '../../test/state/map-rows.ts';
import type { StateEngine } from './engine.ts';

const CALLS: readonly (string | symbol)[] = ['scan', 'insert', 'update', 'put', 'delete', 'count'];

/** Claims over an engine whose calls are counted. Every engine has the same code above it. */
function counted(now: () => number) {
  const calls: string[] = [];
  const around = (engine: StateEngine): StateEngine =>
    new Proxy(engine, {
      get(target, name) {
        const value = Reflect.get(target, name, target) as unknown;
        if (typeof value !== 'function') return value;
        return (...args: unknown[]): unknown => {
          if (CALLS.includes(name)) calls.push(String(name));
          return Reflect.apply(value, target, args);
        };
      },
    });
  return { calls, claims: openMapState({ now }, around).claims };
}
const keys = (count: number, owner: string, expiresAt: number) =>
  Array.from({ length: count }, (_, n) => ({ key: `k${n}`, owner, expiresAt }));

describe('many claims in one call', () => {
  it.each([1, 400])('cost at most three calls of the engine for %d keys, whoever has them', async (count) => {
    let now = 0;
    const { calls, claims } = counted(() => now);
    const costOf = async (owner: string): Promise<readonly string[]> => {
      calls.length = 0;
      await claims.claimMany('n', keys(count, owner, now + 100));
      return [...calls];
    };
    expect(await costOf('m1')).toEqual(['insert']);
    expect(await costOf('m2')).toEqual(['insert', 'scan']);
    now += 200;
    expect(await costOf('m2')).toEqual(['insert', 'scan', 'update']);
  });
});
