import { describe, expect, test } from 'vitest';
import { changesOf } from '../src/staff/letters/patch.ts';

describe('the changes of a correction', () => {
  test.each<[string, Parameters<typeof changesOf>[0], Parameters<typeof changesOf>[1], object[]]>([
    ['nothing', { a: [1, { b: null }] }, { a: [1, { b: null }] }, []],
    ['an attribute that goes', { a: 1, 'b/~': 2 }, { a: 1 }, [{ op: 'remove', path: '/b~1~0' }]],
    ['an attribute that comes', { a: {} }, { a: { b: [2] } }, [{ op: 'add', path: '/a/b', value: [2] }]],
    [
      'a value, only where it is the same wrong one',
      { a: { s: 'activ' } },
      { a: { s: 'active' } },
      [
        { op: 'test', path: '/a/s', value: 'activ' },
        { op: 'replace', path: '/a/s', value: 'active' },
      ],
    ],
    [
      'entries of a list that go, from the end',
      { a: [{ x: 1 }, { x: 2 }, { x: 3 }] },
      { a: [{ x: 2 }] },
      [
        { op: 'remove', path: '/a/2' },
        { op: 'remove', path: '/a/0' },
      ],
    ],
    ['entries that come last', { a: [1] }, { a: [1, 2] }, [{ op: 'add', path: '/a/-', value: 2 }]],
    [
      'an entry of a list',
      [{ c: 'x' }, 2],
      [{ c: 'y' }, 2],
      [
        { op: 'test', path: '/0/c', value: 'x' },
        { op: 'replace', path: '/0/c', value: 'y' },
      ],
    ],
    [
      'another list',
      { a: [1, 2] },
      { a: [3] },
      [
        { op: 'test', path: '/a', value: [1, 2] },
        { op: 'replace', path: '/a', value: [3] },
      ],
    ],
    [
      'another kind of value',
      { a: [] },
      { a: null },
      [
        { op: 'test', path: '/a', value: [] },
        { op: 'replace', path: '/a', value: null },
      ],
    ],
  ])('are few: %s', (_what, before, after, changes) => {
    expect(changesOf(before, after)).toEqual(changes);
  });
});
