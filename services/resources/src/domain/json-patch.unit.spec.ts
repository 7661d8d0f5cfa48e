import { describe, expect, it } from 'vitest';
import { type Change, patched, PatchFault } from './json-patch.ts';

describe('changes of JSON', () => {
  // Appendix A of RFC 6902, by its sections.
  it.each<[string, unknown, readonly Change[], unknown]>([
    ['A.1', { foo: 'bar' }, [{ op: 'add', path: '/baz', value: 'qux' }], { baz: 'qux', foo: 'bar' }],
    ['A.2', { foo: ['bar', 'baz'] }, [{ op: 'add', path: '/foo/1', value: 'qux' }], { foo: ['bar', 'qux', 'baz'] }],
    ['A.3', { baz: 'qux', foo: 'bar' }, [{ op: 'remove', path: '/baz' }], { foo: 'bar' }],
    ['A.4', { foo: ['bar', 'qux', 'baz'] }, [{ op: 'remove', path: '/foo/1' }], { foo: ['bar', 'baz'] }],
    ['A.5', { baz: 'qux' }, [{ op: 'replace', path: '/baz', value: 'boo' }], { baz: 'boo' }],
    [
      'A.8',
      { baz: 'qux', foo: ['a', 2, 'c'] },
      [
        { op: 'test', path: '/baz', value: 'qux' },
        { op: 'test', path: '/foo/1', value: 2 },
      ],
      { baz: 'qux', foo: ['a', 2, 'c'] },
    ],
    ['A.10', { foo: 'bar' }, [{ op: 'add', path: '/child', value: { g: {} } }], { foo: 'bar', child: { g: {} } }],
    ['A.14', { '/': 9, '~1': 10 }, [{ op: 'test', path: '/~01', value: 10 }], { '/': 9, '~1': 10 }],
    ['A.16', { foo: ['bar'] }, [{ op: 'add', path: '/foo/-', value: ['abc'] }], { foo: ['bar', ['abc']] }],
    ['the whole', { foo: 1 }, [{ op: 'replace', path: '', value: { bar: 2 } }], { bar: 2 }],
    [
      'attributes in another order',
      { a: { b: 1, c: [2] } },
      [{ op: 'test', path: '/a', value: { c: [2], b: 1 } }],
      { a: { b: 1, c: [2] } },
    ],
  ])('are applied to a copy: %s', (_section, value, changes, expected) => {
    const before = structuredClone(value);
    expect(patched(value, changes)).toEqual(expected);
    expect(value).toEqual(before);
  });

  it.each<[string, unknown, Change]>([
    ['A.9', { baz: 'qux' }, { op: 'test', path: '/baz', value: 'bar' }],
    ['A.12', { foo: 'bar' }, { op: 'add', path: '/baz/bat', value: 'qux' }],
    ['A.15', { '~1': 10 }, { op: 'test', path: '/~01', value: '10' }],
    ['what is not there', { foo: 1 }, { op: 'remove', path: '/bar' }],
    ['a place behind the list', { foo: [1] }, { op: 'add', path: '/foo/3', value: 1 }],
    ['an index with a zero in front', { foo: [1, 2] }, { op: 'remove', path: '/foo/01' }],
    ['the end of a list, removed', { foo: [1] }, { op: 'remove', path: '/foo/-' }],
    ['an attribute of every object', {}, { op: 'replace', path: '/toString', value: 1 }],
    ['a prototype', {}, { op: 'add', path: '/__proto__/polluted', value: 1 }],
    ['a prototype itself', {}, { op: 'add', path: '/__proto__', value: { polluted: 1 } }],
    ['a constructor', {}, { op: 'add', path: '/constructor/prototype/polluted', value: 1 }],
    ['a path without a slash', { foo: 1 }, { op: 'remove', path: 'foo' }],
  ])('are refused, and no value is in the text: %s', (_section, value, change) => {
    const text = (() => {
      try {
        return patched(value, [change]);
      } catch (error) {
        expect(error).toBeInstanceOf(PatchFault);
        return (error as Error).message;
      }
    })();
    expect(text).toMatch(/^change 1 \((add|remove|replace|test) .*\): (there is nothing|another value|a path)/);
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
