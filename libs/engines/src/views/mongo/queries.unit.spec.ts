import { expect, it } from 'vitest';
import { type IdsPlan, planIds, planValues, type ValuesPlan } from '../query.ts';
import type { Projection } from '../projection.ts';
import { idFiltersOf, valuesFilterOf } from './queries.ts';

const view: Projection = {
  owner: 'test',
  name: 'filters',
  version: 1,
  topics: { t: { part: 'a', keys: () => [], evolve: () => undefined } },
  indexes: [
    { name: 'by_id', fields: ['a.id', 'a.type', 'a.at'] },
    { name: 'by_key', fields: ['a.member', 'a.keys'], array: true },
  ],
};

it('says that a field exists only where no list of values says it, because a scan would follow', () => {
  const values: ValuesPlan = planValues(view, {
    index: 'by_id',
    any: [
      ['1', 'A'],
      ['2', 'A'],
    ],
  });
  expect(valuesFilterOf(values)).toEqual({ 'a.id': { $in: ['1', '2'] }, 'a.type': 'A', 'a.at': { $exists: true } });
});

it('says that an array exists beside a range, and not beside a list of keys', () => {
  const ids: IdsPlan = planIds(view, {
    index: 'by_key',
    equals: ['m'],
    all: [['k', { gte: 'd', lt: 'e' }]],
    limit: 10,
  });
  expect(idFiltersOf(ids)).toEqual([
    { 'a.member': 'm', 'a.keys': { $in: ['k'] } },
    { 'a.member': 'm', 'a.keys': { $elemMatch: { $gte: 'd', $lt: 'e' }, $exists: true } },
  ]);
});
