import { describe, expect, it } from 'vitest';
import { EVERY_SOURCE, type HoldFact, MORE_HOLDS } from '@provider-access/domain/access';
import { PA_CONSENT, PAYER_MEMBER_EVENTS, type PayerEvent } from '@provider-access/events';
import { Access, type AccessOptions } from './access.ts';
import type { Parties } from './parties.ts';

/** Party facts that pass when the test says so. */
function parties(): Pick<Parties, 'waitFor' | 'waitForDerived'> & { pass(passed: boolean): void } {
  let pass: (passed: boolean) => void = () => undefined;
  const passed = new Promise<boolean>((resolve) => (pass = resolve));
  return { waitFor: () => passed, waitForDerived: () => passed, pass };
}
const own = { waitFor: async () => true, waitForDerived: async () => true };
const access = (): Access => new Access({ reader: own, parties: own } as unknown as AccessOptions);

it.each([
  ['payer events', (a: Access) => a.waitForPayerEverywhere({ [PAYER_MEMBER_EVENTS]: [1] }, 1000)],
  ['events of ours', (a: Access) => a.waitForOursEverywhere({ [PA_CONSENT]: [1] }, 1000)],
])('waits for every service of the process to pass %s', async (_, wait) => {
  expect(await wait(access())).toBe(true);
  const [first, second] = [parties(), parties()];
  const together = access();
  together.alsoWaitFor([first, second]);
  let answer: boolean | undefined;
  const waiting = wait(together).then((passed) => (answer = passed));
  first.pass(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(answer).toBeUndefined();
  second.pass(true);
  await waiting;
  expect(answer).toBe(true);

  const late = parties();
  together.alsoWaitFor([first, late]);
  late.pass(false);
  expect(await wait(together)).toBe(false);
});

describe('an opt-in under a hold (S8)', () => {
  const NOW = '2026-07-01T12:00:00.000Z';
  const hold = (deadLetter: string, from = '2026-06-01T00:00:00.000Z', until?: string): object => ({
    [deadLetter]: { eventType: 'x', from, ...(until !== undefined && { until }) },
  });
  /** What the answer to a statement is, with these holds of the member and of sources. */
  async function effectOf(
    holds: object,
    sourceHolds: Record<string, readonly HoldFact[]> = {},
    type: 'in' | 'out' = 'in',
    more: { readonly parties?: object; readonly members?: object } = {},
  ): Promise<unknown> {
    const statement = { event: 'e1', businessTime: NOW, from: NOW, recordedAt: NOW, source: 's' };
    const consent = type === 'in' ? { ins: [statement] } : { outs: [{ ...statement, scope: 'global' }] };
    const document = {
      consent: { ...consent, holds, sources: ['/calls'] },
      ...(more.members && { members: more.members }),
    };
    const access = new Access({
      reader: { getMany: async () => [document] },
      parties: {
        ready: () => true,
        current: () => true,
        asOf: () => undefined,
        sourceHolds: (source: string) => sourceHolds[source] ?? [],
        ...more.parties,
      },
      freshness: { fresh: () => true },
      clock: { now: () => Date.parse(NOW) },
    } as unknown as AccessOptions);
    const payerEvent = { type: `payer.member-opted-${type}.v1`, time: NOW, data: {} } as unknown as PayerEvent;
    return (await access.effects([{ member: 'm1', event: 'e1', deadLetter: 'dl-own', payerEvent }]))[0];
  }

  it.each<[string, object, Record<string, readonly HoldFact[]>, unknown]>([
    ['no hold', {}, {}, { status: 'effective' }],
    ['its own hold', hold('dl-1'), {}, { status: 'held', deadLetters: ['dl-1'] }],
    [
      'several, the oldest first',
      { ...hold('dl-2', '2026-06-02T00:00:00.000Z'), ...hold('dl-1') },
      {},
      { status: 'held', deadLetters: ['dl-1', 'dl-2'] },
    ],
    ['one that stands for many', hold(`${MORE_HOLDS}dl-9`), {}, { status: 'held', deadLetters: ['dl-9'] }],
    ['one that ended', hold('dl-1', undefined, '2026-06-30T00:00:00.000Z'), {}, { status: 'effective' }],
    [
      'a hold of everybody',
      {},
      { [EVERY_SOURCE]: [{ deadLetter: 'dl-3', eventType: 'x', from: '2026-06-01T00:00:00.000Z' }] },
      { status: 'held', deadLetters: ['dl-3'] },
    ],
    [
      'a hold of another source',
      {},
      { '/others': [{ deadLetter: 'dl-4', eventType: 'x', from: '2026-06-01T00:00:00.000Z' }] },
      { status: 'effective' },
    ],
  ])('is answered by what it does: %s', async (_what, holds, sourceHolds, expected) => {
    expect(await effectOf(holds, sourceHolds)).toEqual(expected);
  });
  it('names ten dead letters at most', async () => {
    const many = Object.assign({}, ...Array.from({ length: 12 }, (_, i) => hold(`dl-${i}`))) as object;
    expect(((await effectOf(many)) as { deadLetters: string[] }).deadLetters).toHaveLength(10);
  });
  it('N12, N39: is held while the deployment waits for a notice that the member has not got', async () => {
    const parties = { holdsUntilNotice: true };
    expect(await effectOf({}, {}, 'in', { parties })).toEqual({ status: 'held', deadLetters: [], reason: 'notice' });
    expect(await effectOf(hold('dl-1'), {}, 'in', { parties })).toEqual({
      status: 'held',
      deadLetters: ['dl-1'],
      reason: 'notice',
    });
    const sent = { event: 'n1', kind: 'first', on: '2026-06-01', of: 'm1' };
    const at = '2026-06-02T12:00:00.000Z';
    const members = { sources: [], coverage: {}, notices: [{ ...sent, from: at, recordedAt: at }] };
    const returned = { ...members, returned: ['m1|2026-06-01'] };
    expect(await effectOf({}, {}, 'in', { parties, members })).toEqual({ status: 'effective' });
    expect(await effectOf({}, {}, 'in', { parties, members: returned })).toMatchObject({ status: 'held' });
    expect(await effectOf({}, {}, 'in', { members: { sources: [], coverage: {} } })).toEqual({ status: 'effective' });
  });
  it('N13 leaves an opt-out as it is, because it denies, and says that it bars nobody', async () => {
    // The member is attributed to nobody.
    expect(await effectOf(hold('dl-1'), {}, 'out')).toEqual({ status: 'effective', bars: 0 });
  });
});

describe('the decisions of one request', () => {
  /** A view of facts that counts its reads. `held` has the members who are on hold. */
  function factsOf(generation: () => number | undefined) {
    const reads: (readonly string[])[] = [];
    const held = new Set<string>();
    const holds = { 'dl-1': { eventType: 'x', from: '2026-06-01T00:00:00.000Z' } };
    const reader = {
      generation,
      remembered: (): undefined => undefined,
      getMany: async (members: readonly string[]) => {
        reads.push(members);
        return members.map((member) => ({ consent: { sources: ['/calls'], ...(held.has(member) && { holds }) } }));
      },
    };
    const parties = {
      ready: () => true,
      current: () => true,
      asOf: () => undefined,
      sourceHolds: () => [],
      client: () => ({ history: [{ status: 'approved', at: NOW }], bindings: [] }),
      decisionTime: (now: number) => now,
      readUntil: () => ({}),
      changes: () => 0,
    };
    const options = { reader, parties, freshness: { fresh: () => true }, clock: { now: () => Date.parse(NOW) } };
    return { reads, held, decisions: new Access(options as unknown as AccessOptions).ofRequest() };
  }
  const NOW = '2026-07-01T12:00:00.000Z';
  const PURPOSE = { kind: 'search' } as const;

  it('read facts again after a change of the view, or for another member', async () => {
    let generation = 1;
    const { reads, decisions } = factsOf(() => generation);
    const decide = async (members: readonly string[]): Promise<number> => {
      reads.splice(0);
      expect(await decisions.decideMany('app', PURPOSE, members)).toHaveLength(members.length);
      return reads.length;
    };
    expect(await decide(['a', 'b'])).toBe(1);
    expect(await decide(['a', 'b'])).toBe(0);
    expect(await decide(['b'])).toBe(0);
    expect(await decide(['b', 'c'])).toBe(1);
    expect(await decide(['a', 'c'])).toBe(0);
    generation = 2;
    expect(await decide(['a'])).toBe(1);
    expect(await decide(['a'])).toBe(0);
    expect(await decide(['b'])).toBe(1);
  });

  it('change with a hold that the view shows meanwhile', async () => {
    let generation = 1;
    const { held, decisions } = factsOf(() => generation);
    const reason = async (): Promise<unknown> => (await decisions.decideMany('app', PURPOSE, ['a']))[0];
    const before = await reason();
    held.add('a');
    expect(await reason()).toEqual(before);
    generation += 1;
    expect(await reason()).not.toEqual(before);
  });

  it('read the facts each time where other processes write them, and change with them', async () => {
    const { held, reads, decisions } = factsOf(() => undefined);
    const reason = async (): Promise<unknown> => (await decisions.decideMany('app', PURPOSE, ['a']))[0];
    const before = await reason();
    held.add('a');
    expect(await reason()).not.toEqual(before);
    expect(reads).toHaveLength(2);
  });
});
