import { instant } from '@provider-access/kernel';
import { expect, it } from 'vitest';
import { Decided } from './decided.ts';

const NOW = Date.parse('2026-07-01T12:00:00Z');
const at = (seconds: number): string => instant(NOW + seconds * 1000);
const clock = (seconds: number) => (): string => at(seconds);
const [ofMember, ofParties] = [[4, -1, 7, -1], { 'pa.registry': [2, 0, -1] }];
const note = (decided: Decided, member: string, asOf: string | undefined, now: string): void =>
  decided.note(member, { asOf, now, ofMember, ofParties });

it('P11: dates an entry by the newest decision about its members that is ahead of the clock', () => {
  const decided = new Decided();
  expect(decided.at(['m1'], clock(0))).toBe(at(0));
  note(decided, 'm1', at(60), at(0));
  note(decided, 'm2', at(30), at(0));
  note(decided, 'm3', at(-30), at(0));
  note(decided, 'm4', undefined, at(0));
  expect(decided.at(['m2', 'm1', 'm3'], clock(0))).toBe(at(60));
  expect(decided.at(['m2', 'm3', 'm4'], clock(0))).toBe(at(30));
  expect(decided.at(['m3', 'm4', 'other'], clock(0))).toBe(at(0));
  expect(decided.at([], clock(0))).toBe(at(0));
});

it('keeps the newest decision, and none that the clock has passed', () => {
  const decided = new Decided();
  note(decided, 'm1', at(60), at(0));
  note(decided, 'm1', at(30), at(0));
  expect(decided.at(['m1'], clock(0))).toBe(at(60));
  expect(decided.at(['m1'], clock(61))).toBe(at(61));
});

it('dates no entry before its decision when it has more members than it remembers', () => {
  const decided = new Decided(2);
  note(decided, 'm1', at(1), at(0));
  note(decided, 'm2', at(60), at(0));
  // The clock has passed m1, so there is room.
  note(decided, 'm3', at(50), at(2));
  expect(decided.at(['m1'], clock(2))).toBe(at(2));
  note(decided, 'm4', at(55), at(2));
  for (const member of ['m2', 'm3', 'm4']) expect(decided.at([member], clock(2))).toBe(at(60));
  expect(decided.at(['m2'], clock(61))).toBe(at(61));
});

it('P11: dates an entry of a request by its own decisions, whatever is decided or recorded meanwhile', async () => {
  const decided = new Decided();
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const request = async (start: number): Promise<readonly string[]> => {
    note(decided, 'm1', undefined, at(start));
    await turn();
    note(decided, 'm2', at(start + 5), at(start + 1));
    await turn();
    return [['m1'], ['m2', 'm1'], ['other'], []].map((members) => decided.at(members, clock(90)));
  };
  const both = await Promise.all([0, 20].map((start) => decided.within(() => request(start))));
  expect(both).toEqual([
    [at(0), at(5), at(90), at(90)],
    [at(20), at(25), at(90), at(90)],
  ]);
  // A decision that is made again counts.
  const again = await decided.within(async () => {
    note(decided, 'm1', undefined, at(0));
    note(decided, 'm1', undefined, at(3));
    return decided.at(['m1'], clock(90));
  });
  expect(again).toBe(at(3));
});

it('P11: says how far the facts of the decisions of a request had been read', async () => {
  const decided = new Decided();
  note(decided, 'm1', undefined, at(0));
  const newer = { 'pa.registry': [3, 0, -1] };
  const found = await decided.within(async () => {
    note(decided, 'm1', undefined, at(0));
    decided.note('m2', { asOf: undefined, now: at(1), ofMember: [5, 1, -1, -1], ofParties: newer });
    decided.note('m3', { asOf: undefined, now: at(1), ofMember: undefined, ofParties: newer });
    return [['m2', 'm1'], ['m1'], ['m1', 'other'], ['m3'], []].map((members) => decided.readUntil(members));
  });
  const ofMembers = { 'pa.members': [5, 4], 'pa.attribution': [1, -1], 'pa.consent': [-1, 7] };
  const one = { 'pa.members': [4], 'pa.attribution': [-1], 'pa.consent': [7] };
  expect(found).toEqual([
    { ofMembers: { ...ofMembers, 'pa.attestations': [-1, -1] }, ofParties: newer },
    { ofMembers: { ...one, 'pa.attestations': [-1] }, ofParties },
    undefined,
    undefined,
    undefined,
  ]);
  // What belongs to no request does not say it.
  expect(decided.readUntil(['m1'])).toBeUndefined();
});
