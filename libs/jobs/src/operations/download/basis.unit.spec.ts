import { DECIDED_FOR_MS } from '@provider-access/service/http';
import { expect, it } from 'vitest';
import { type Basis, stillHolds } from './basis.ts';

const BASIS: Basis = { at: 1000, facts: 1, labelled: 2, parties: 3 };

it('holds for a moment while nothing changes', () => {
  expect(stillHolds(BASIS, BASIS)).toBe(true);
  expect(stillHolds(BASIS, { ...BASIS, at: 1000 + DECIDED_FOR_MS })).toBe(true);
});

it.each<[what: string, then: Partial<Basis>, now: Partial<Basis>]>([
  ['a member opts out', {}, { facts: 2 }],
  ['a record gets a label', {}, { labelled: 3 }],
  ['an app or the network changes', {}, { parties: 4 }],
  ['it is old', {}, { at: 1000 + DECIDED_FOR_MS + 1 }],
  ['other processes write the facts', { facts: undefined }, { facts: undefined }],
  ['other processes write the labels', { labelled: undefined }, { labelled: undefined }],
])('ends when %s', (_, then, now) => {
  expect(stillHolds({ ...BASIS, ...then }, { ...BASIS, ...now })).toBe(false);
});
