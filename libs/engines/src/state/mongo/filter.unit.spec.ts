import { describe, expect, it } from 'vitest';
import { filterOf } from './filter.ts';

describe('mongo: filters of rows', () => {
  it('a row that never ends or has not ended is one condition beside the id, and no $or', () => {
    const live = { _id: 'a', owner: 'm', anyOf: [{ expires: null }, { expires: { gt: 5 } }] };
    expect(filterOf(live)).toEqual({ _id: 'a', owner: 'm', expires: { $not: { $lte: 5 } } });
  });

  it.each([
    { anyOf: [{ owner: 'm' }, { expires: { lte: 5 } }] },
    { anyOf: [{ expires: null }, { expires: { gt: 5, lt: 9 } }] },
    { anyOf: [{ expires: null, owner: 'm' }, { expires: { gt: 5 } }] },
    { anyOf: [{ expires: null }, { resets: { gt: 5 } }] },
    { anyOf: [{ expires: null }] },
    { expires: 7, anyOf: [{ expires: null }, { expires: { gt: 5 } }] },
  ])('any other alternatives stay alternatives: %j', (where) => {
    expect(filterOf(where)).toHaveProperty('$or');
  });
});
