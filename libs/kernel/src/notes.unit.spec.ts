import { describe, expect, it } from 'vitest';
import { notes } from './notes.ts';

describe('notes beside objects', () => {
  it('gives the newest value until it is deleted', () => {
    const of = notes<object, string>();
    const key = { a: 1 };
    expect(of.get(key)).toBeUndefined();
    of.delete(key);
    of.set(key, 'first');
    of.set(key, 'second');
    expect(of.get(key)).toBe('second');
    of.delete(key);
    expect(of.get(key)).toBeUndefined();
    of.set(key, 'third');
    expect([of.get(key), of.get({ a: 1 })]).toEqual(['third', undefined]);
  });

  it('keeps the notes of one object apart', () => {
    const [one, other] = [notes<object, number>(), notes<object, number>()];
    const key = {};
    one.set(key, 1);
    expect([one.get(key), other.get(key)]).toEqual([1, undefined]);
    other.set(key, 2);
    one.delete(key);
    expect([one.get(key), other.get(key)]).toEqual([undefined, 2]);
  });

  it('shows nothing in the object, and nothing in its copies', () => {
    const of = notes<object, string>();
    const key = { a: 1, [Symbol('s')]: 2 };
    of.set(key, 'note');
    expect([Reflect.ownKeys(key).length, JSON.stringify(key)]).toEqual([2, '{"a":1}']);
    expect([{ ...key }, Object.assign({}, key), structuredClone(key)].map((copy) => of.get(copy))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});
