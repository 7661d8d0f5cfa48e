import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AccessHeld } from '@provider-access/events';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { cases } from '@provider-access/testing/variant';
import { AccessHolds, MOST_HOLDS } from './access-holds.ts';

const LETTERS = 3 * MOST_HOLDS;
const holdOf = (n: number) => ({
  member: 'm1',
  source: 'urn:payer',
  deadLetter: `dl-${n}`,
  eventType: 'payer.member-opted-out.v1',
  ...(n % 5 === 0 && { others: ['m2'] }),
});
const concerns = (n: number, member: string): boolean => member === 'm1' || n % 5 === 0;

/** The facts about the members. They remember a release, so that a hold that comes after it does not count. */
class Facts {
  readonly open = new Set<string>();
  private readonly ended = new Set<string>();
  hold(told: readonly AccessHeld[]): void {
    for (const { member, deadLetter } of told)
      if (!this.ended.has(`${member} ${deadLetter}`)) this.open.add(`${member} ${deadLetter}`);
  }
  release(told: readonly AccessHeld[]): void {
    for (const { member, deadLetter } of told) {
      this.ended.add(`${member} ${deadLetter}`);
      this.open.delete(`${member} ${deadLetter}`);
    }
  }
  count(member: string): number {
    return [...this.open].filter((name) => name.startsWith(`${member} `)).length;
  }
}

interface Step {
  readonly what: 'hold' | 'resolve';
  readonly n: number;
  /** The process dies before it appends, and another process repeats the step. */
  readonly dies: boolean;
  /** The process lives until it has noted what it appended. */
  readonly notes: boolean;
}
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('hold' as const, 'hold' as const, 'resolve' as const),
  n: fc.integer({ min: 0, max: LETTERS - 1 }),
  dies: fc.boolean(),
  notes: fc.boolean(),
});
// In portions: the steps of one portion run at the same time, as in several processes.
const story = fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { minLength: 10, maxLength: 60 });

it('a member is denied until the last of many dead letters is resolved, and the facts know a few of them', async () => {
  await fc.assert(
    fc.asyncProperty(story, async (portions) => {
      const state = openMemoryState();
      const facts = new Facts();
      const [held, resolved] = [new Set<number>(), new Set<number>()];
      const resolve = async (holds: AccessHolds, n: number): Promise<readonly AccessHeld[]> => {
        await holds.end(`dl-${n}`, '"discarded"');
        return holds.release((await holds.find(`dl-${n}`))!);
      };
      const one = async ({ what, n, dies, notes }: Step): Promise<void> => {
        const holds = new AccessHolds(state, 'consent');
        if (what === 'hold') {
          if (dies) await holds.hold(holdOf(n));
          const told = await holds.hold(holdOf(n));
          facts.hold(told);
          if (notes) await holds.appended(told);
          held.add(n);
        } else if (held.has(n)) {
          if (dies) await resolve(holds, n);
          resolved.add(n);
          facts.release(await resolve(holds, n));
        }
      };
      const all = [
        ...Array.from({ length: LETTERS }, (_, n) => [{ what: 'resolve' as const, n, dies: false, notes: true }]),
      ];
      for (const portion of [...portions, ...all]) {
        await Promise.all(portion.map(one));
        for (const member of ['m1', 'm2']) {
          const isOpen = [...held].some((n) => !resolved.has(n) && concerns(n, member));
          expect(facts.count(member) > 0, member).toBe(isOpen);
          expect(facts.count(member)).toBeLessThanOrEqual(MOST_HOLDS + 1);
        }
      }
      await state.close();
    }),
    { numRuns: cases(40) },
  );
});

it('a hold that an earlier release told ends with its dead letter', async () => {
  const state = openMemoryState();
  const holds = new AccessHolds(state, 'consent');
  await holds.remember(holdOf(1));
  await holds.end('dl-1', '"discarded"');
  expect(await holds.release(holdOf(1))).toEqual([holdOf(1)]);
  await state.close();
});
