import { describe, expect, it } from 'vitest';
import { type Upcaster, upcasting } from './upcast.ts';

const event = (type: string, data: unknown) => ({
  id: 'e',
  source: 's',
  type,
  time: '2026-01-01T00:00:00Z',
  subject: 'm',
  data,
});
const split: Upcaster = {
  from: 'test.named.v1',
  to: 'test.named.v2',
  upcast: (data) => ({ names: (data as { name: string }).name.split(' ') }),
};
const count: Upcaster = {
  from: 'test.named.v2',
  to: 'test.named.v3',
  upcast: (data) => ({ ...(data as object), count: (data as { names: string[] }).names.length }),
};

describe('upcasting', () => {
  it('goes through every step to the newest version and keeps the rest of the event', () => {
    expect(upcasting([count, split])(event('test.named.v1', { name: 'A B' }))).toEqual(
      event('test.named.v3', { names: ['A', 'B'], count: 2 }),
    );
    expect(upcasting([count, split])(event('test.named.v2', { names: [] }))).toEqual(
      event('test.named.v3', { names: [], count: 0 }),
    );
  });

  it('leaves what is newest or of another type as it is', () => {
    for (const given of [event('test.named.v3', {}), event('test.other.v1', {}), event('no version', {})])
      expect(upcasting([split, count])(given)).toBe(given);
  });

  it.each([
    ['two steps from one version', [split, { ...split, to: 'test.named.v3' }]],
    ['a step down', [{ ...split, from: 'test.named.v3', to: 'test.named.v2' }]],
    ['a step to itself', [{ ...split, to: 'test.named.v1' }]],
    ['a step to another type', [{ ...split, to: 'test.other.v2' }]],
    ['a type without a version', [{ ...split, from: 'test.named' }]],
  ])('refuses %s', (_name, steps) => {
    expect(() => upcasting(steps)).toThrow(TypeError);
  });
});
