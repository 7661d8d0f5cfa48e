import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccessHeld } from '@provider-access/events';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { cases } from '@provider-access/testing/variant';
import { AccessHolds, type HoldsState, MOST_HOLDS } from './access-holds.ts';

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
  readonly #ended = new Set<string>();
  hold(told: readonly AccessHeld[]): void {
    for (const { member, deadLetter } of told)
      if (!this.#ended.has(`${member} ${deadLetter}`)) this.open.add(`${member} ${deadLetter}`);
  }
  release(told: readonly AccessHeld[]): void {
    for (const { member, deadLetter } of told) {
      this.#ended.add(`${member} ${deadLetter}`);
      this.open.delete(`${member} ${deadLetter}`);
    }
  }
  count(member: string): number {
    return [...this.open].filter((name) => name.startsWith(`${member} `)).length;
  }
}

class Death extends Error {}
const isDeath = (error: unknown): void => {
  if (!(error instanceof Death)) throw error;
};
/** The state of a process that dies at its next call after `calls` calls. */
function dying({ claims, streams }: HoldsState, calls: number): HoldsState {
  const alive = async <T>(call: () => Promise<T>): Promise<T> => {
    if (calls-- <= 0) throw new Death();
    return call();
  };
  return {
    claims: {
      claim: (...args) => alive(() => claims.claim(...args)),
      get: (...args) => alive(() => claims.get(...args)),
    },
    streams: {
      load: (...args) => alive(() => streams.load(...args)),
      append: (...args) => alive(() => streams.append(...args)),
    },
  };
}

interface Step {
  readonly what: 'hold' | 'resolve';
  readonly n: number;
  /**
   * The process dies after so many calls of the state store, at the latest before it appends, and another process
   * repeats the step.
   */
  readonly dies: number | undefined;
  /** The process lives until it has noted what it appended. */
  readonly notes: boolean;
}
const step: fc.Arbitrary<Step> = fc.record({
  what: fc.constantFrom('hold' as const, 'hold' as const, 'resolve' as const),
  n: fc.integer({ min: 0, max: LETTERS - 1 }),
  dies: fc.option(fc.nat({ max: 12 }), { nil: undefined }),
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
        const first = dies === undefined ? undefined : new AccessHolds(dying(state, dies), 'consent');
        if (what === 'hold') {
          await first?.hold(holdOf(n)).catch(isDeath);
          const told = await holds.hold(holdOf(n));
          facts.hold(told);
          if (notes) await holds.appended(told);
          held.add(n);
        } else if (held.has(n)) {
          if (first !== undefined) await resolve(first, n).catch(isDeath);
          resolved.add(n);
          const told = await resolve(holds, n);
          facts.release(told);
          if (notes) await holds.releasesAppended(told);
        }
      };
      const all = [
        ...Array.from({ length: LETTERS }, (_, n) => [{ what: 'resolve' as const, n, dies: undefined, notes: true }]),
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

/** As many dead letters as the facts know one by one, and the first one behind the hold of many. */
async function many(state: HoldsState): Promise<AccessHolds> {
  const holds = new AccessHolds(state, 'consent');
  for (let n = 1; n <= MOST_HOLDS; n++) await holds.hold(letter(n));
  await holds.hold(letter(BEHIND));
  return holds;
}
const BEHIND = 101;
const NEXT = 102;
const letter = (n: number) => ({ ...holdOf(n), others: [] });
const more = (n: number): string => `more-dl-${n}`;
const ends = async (holds: AccessHolds, n: number): Promise<readonly string[]> => {
  await holds.end(`dl-${n}`, '"discarded"');
  return (await holds.release(letter(n))).map(({ deadLetter }) => deadLetter);
};

describe('the hold of many that has ended', () => {
  it('is released by the next process, although the first one died and another such hold opened', async () => {
    const state = openMemoryState();
    const holds = await many(state);
    await ends(holds, BEHIND); // The process dies before it appends.
    expect(await holds.hold(letter(NEXT))).toMatchObject([{ deadLetter: more(NEXT) }]);
    expect(await ends(holds, BEHIND)).toEqual([`dl-${BEHIND}`, more(BEHIND)]);
    // Nobody has noted that this was appended. The second one ends too, and each release names both.
    expect(await ends(holds, NEXT)).toEqual([`dl-${NEXT}`, more(BEHIND), more(NEXT)]);
    expect(await ends(holds, 1)).toEqual(['dl-1', more(BEHIND), more(NEXT)]);
    await holds.releasesAppended([more(BEHIND), more(NEXT)].map((deadLetter) => ({ ...letter(1), deadLetter })));
    expect(await ends(holds, 2)).toEqual(['dl-2', more(NEXT)]);
    await state.close();
  });

  it('is released once more if the release before stored its end', async () => {
    const state = openMemoryState();
    const holds = await many(state);
    await ends(holds, BEHIND);
    const stream = 'holds/consent/member/m1';
    const { version, snapshot } = (await state.streams.load<object>(stream))!;
    // The release before knew no more than `ended`.
    const { open, first, next, ended } = snapshot as Record<string, unknown>;
    expect(ended).toBe(more(BEHIND));
    await state.streams.append(stream, version, [], { open, first, next, ended });
    await holds.hold(letter(NEXT));
    expect(await ends(holds, 1)).toEqual(['dl-1', more(BEHIND)]);
    await state.close();
  });

  it('gives its name to no other, although its dead letter is delivered again while it is resolved', async () => {
    const state = openMemoryState();
    const holds = await many(state);
    let resolving: Promise<unknown> | undefined;
    const late = new AccessHolds(
      {
        claims: state.claims,
        streams: {
          load: async (stream) => {
            await (resolving ??= ends(holds, BEHIND));
            return state.streams.load(stream);
          },
          append: (...args) => state.streams.append(...args),
        },
      },
      'consent',
    );
    // The facts pass over it, because they know its release.
    expect(await late.hold(letter(BEHIND))).toEqual([letter(BEHIND)].map(({ others: _, ...held }) => held));
    expect(await holds.hold(letter(NEXT))).toMatchObject([{ deadLetter: more(NEXT) }]);
    await state.close();
  });

  it('gives its name to no other, although two processes died before they counted their dead letters', async () => {
    const state = openMemoryState();
    const holds = await many(state);
    await ends(holds, BEHIND);
    // The first one dies when it has claimed a number. The second one counts that number and dies before it claims one.
    await expect(new AccessHolds(dying(state, 4), 'consent').hold(letter(NEXT))).rejects.toThrow(Death);
    await expect(new AccessHolds(dying(state, 5), 'consent').hold(letter(NEXT + 1))).rejects.toThrow(Death);
    await holds.hold(letter(NEXT));
    const ended = await ends(holds, NEXT);
    expect(ended).toContainEqual(expect.stringMatching(/^more-dl-10[23]$/));
    const [told] = await holds.hold(letter(NEXT + 1));
    expect(told!.deadLetter).toMatch(/^more-/);
    expect(ended).not.toContain(told!.deadLetter);
    await state.close();
  });
});

it('a hold that an earlier release published ends with its dead letter', async () => {
  const state = openMemoryState();
  const holds = new AccessHolds(state, 'consent');
  await holds.remember(holdOf(1));
  await holds.end('dl-1', '"discarded"');
  expect(await holds.release(holdOf(1))).toEqual([holdOf(1)]);
  await state.close();
});
