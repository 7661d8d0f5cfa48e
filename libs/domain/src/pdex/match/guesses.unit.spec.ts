import { describe, expect, it } from 'vitest';

import type { Demographics } from './bundle.ts';
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
    ['another day of birth', { birthDate: '1965-08-16' }],
    ['another digit of the month', { birthDate: '1965-09-15' }],
    ['another digit of the year', { birthDate: '1966-08-15' }],
    ['another name for the same id', { family: 'Miller', birthDate: '1990-01-01' }],
  ])('%s', (_what, changes) => {
    expect(shared({}, changes)).toBe(true);
    expect(keys(changes).variant).not.toBe(keys({}).variant);
  });
  it('another spelling of a name, or other accents, is the same question', () => {
    for (const family of ['ONEILL SMITH', 'Ó’Neíll-Smith']) expect(keys({ family })).toEqual(keys({}));
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
