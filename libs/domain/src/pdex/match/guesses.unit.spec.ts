import { describe, expect, it } from 'vitest';

import type { Demographics } from './bundle.ts';
import { describedBy } from './described.ts';
import { guessKeys } from './guesses.ts';

const person: Demographics = {
  memberIds: [],
  subscriberId: 'M0001',
  birthDate: '1965-08-15',
  family: "O'Neill-Smith",
  given: ['Robert'],
  gender: 'male',
};
const keys = (changes: Partial<Demographics>, client = 'app-1') => guessKeys(client, { ...person, ...changes });
const shared = (a: Partial<Demographics>, b: Partial<Demographics>): boolean =>
  keys(a).near.some((key) => keys(b).near.includes(key));

describe('M77: guesses that are near to each other', () => {
  it.each<[string, Partial<Demographics>]>([
    ['another id', { subscriberId: 'M0002' }],
    ['another id of type MB', { memberIds: [{ value: 'M0002' }] }],
    ['another first name', { given: ['Bob'] }],
    ['another gender', { gender: 'female' }],
    ['another ZIP', { zip: '62702' }],
    ['another day of birth', { birthDate: '1965-08-16' }],
    ['another digit of the month', { birthDate: '1965-09-15' }],
    ['another digit of the year', { birthDate: '1966-08-15' }],
    ['another name for the same id', { family: 'Miller', birthDate: '1990-01-01' }],
  ])('%s', (_what, changes) => {
    expect(shared({}, changes)).toBe(true);
    expect(keys(changes).variant).not.toBe(keys({}).variant);
  });
  it.each([
    ['case', 'ONEILL SMITH'],
    ['accents', 'Ó’Neíll-Smith'],
    ['no hyphen', 'ONeillSmith'],
    ['a suffix', "O'Neill-Smith Jr."],
    ['a suffix behind a comma', "O'Neill-Smith, III"],
    ['letters of full width', 'ＯＮeill Smith'],
  ])('a family name with %s is the same question', (_what, family) => {
    expect(describedBy({ ...person, family })).toEqual(describedBy(person));
    expect(keys({ family })).toEqual(keys({}));
  });
  it.each([
    ['a sharp s', 'Weiß', 'Weiss'],
    ['a letter that has no decomposition', 'Møller', 'Moller'],
  ])('a family name with %s is the same question', (_what, family, other) => {
    expect(keys({ family })).toEqual(keys({ family: other }));
  });
  it('what a search compares as one is one question, and anything else is another one', () => {
    const changes: Partial<Demographics>[] = [
      ...['Smith', 'SMITH Jr.', 'Smith-Jones', 'Smith Jones', 'Smyth', 'Müller', 'Mueller'].map((family) => ({
        family,
      })),
      ...[['Robert'], ['ROBERT'], ['Rob'], ['Robert', 'A.'], ['Robert A']].map((given) => ({ given })),
      ...['62701', '62701-1234', '62702', ''].map((zip) => ({ zip })),
      ...['male', 'female', 'unknown'].map((gender) => ({ gender })),
      ...['1965-08-15', '1965-08-16'].map((birthDate) => ({ birthDate })),
    ];
    const asFound = (one: Partial<Demographics>): string => JSON.stringify(describedBy({ ...person, ...one }));
    for (const a of changes)
      for (const b of changes)
        expect([a, b, keys(a).variant === keys(b).variant]).toEqual([a, b, asFound(a) === asFound(b)]);
  });
  it('an id in another spelling is the same question, and one of another system is not', () => {
    const of = (value: string, system?: string): Partial<Demographics> => ({
      memberIds: [{ value, ...(system !== undefined && { system }) }],
    });
    expect(keys(of('W-12 3'))).toEqual(keys(of('w123')));
    expect(keys(of('w123', 'urn:a')).variant).not.toBe(keys(of('w123', 'urn:b')).variant);
    expect(shared({ ...of('w123', 'urn:a') }, { ...of('w123', 'urn:b') })).toBe(true);
  });
  it('a person without a name is near to others by the id alone', () => {
    expect(shared({ family: 'Unknown' }, { family: 'LNU', subscriberId: 'M9' })).toBe(false);
    expect(shared({ family: 'Unknown' }, { family: 'LNU' })).toBe(true);
  });
  it('two patients of a practice are not', () => {
    expect(shared({}, { family: 'Miller', birthDate: '1971-02-03', subscriberId: 'M0002' })).toBe(false);
    expect(shared({}, { birthDate: '1971-02-03', subscriberId: 'M0002' })).toBe(false);
  });
  it('the same question again is no other variant', () => {
    expect(keys({}).variant).toBe(keys({}).variant);
  });
});

describe('M77: what is stored', () => {
  it('differs between apps, so that nobody can compare what they asked', () => {
    const mine = keys({});
    const theirs = keys({}, 'app-2');
    expect([theirs.variant, ...theirs.near].filter((key) => [mine.variant, ...mine.near].includes(key))).toEqual([]);
  });
  it('has no name, date or id, and 32 bits of each', () => {
    const { variant, near } = keys({});
    for (const key of [variant, ...near]) expect(key).toMatch(/^[a-z]\/[0-9a-f]{8}$/);
  });
  it('has at most eight keys for a person with many ids', () => {
    const memberIds = Array.from({ length: 20 }, (_, n) => ({ value: `M${n}` }));
    expect(keys({ memberIds }).near.length).toBeLessThanOrEqual(8);
  });
});
