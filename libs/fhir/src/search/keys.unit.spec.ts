import { describe, expect, it } from 'vitest';
import { indexKeys } from './keys.ts';

const lines = (...days: readonly string[]) => ({
  resourceType: 'ExplanationOfBenefit' as const,
  item: days.map((servicedDate) => ({ servicedDate })),
});

describe('search keys', () => {
  it('come once each, in the order of the parameters and of the document', () => {
    const [day, next] = ['2026-01-01', '2026-01-02'];
    const alone = indexKeys(lines(day, next));
    expect(alone.map((key) => key[0])).toEqual(['s', 's', 'S', 'S']);
    expect(indexKeys(lines(day, day, next, day, next, next))).toEqual(alone);
    expect(indexKeys(lines(next, day, next))).toEqual([alone[1], alone[0], alone[3], alone[2]]);
    expect(indexKeys({ resourceType: 'Goal', target: [{ dueDate: day }, { dueDate: day }] })).toHaveLength(1);
  });

  it('of two parameters may have the same text', () => {
    const coding = [{ system: 'urn:x', code: 'a' }];
    expect(indexKeys({ resourceType: 'Observation', category: [{ coding }, { coding }], code: { coding } })).toEqual([
      'k=a|urn:x',
      'c=a|urn:x',
    ]);
  });

  it('have codes in lower case, with bars and backslashes escaped', () => {
    const keyOf = (code: string): string | undefined =>
      indexKeys({ resourceType: 'Observation', code: { coding: [{ code }] } })[0];
    for (let char = 0; char < 0x250; char++)
      for (const code of [String.fromCharCode(char), `a${String.fromCharCode(char)}`])
        expect(keyOf(code)).toBe(`c=${code.toLowerCase().replace(/[|\\]/g, '\\$&')}|`);
    expect(keyOf('\ud800')).toBe('c=\ufffd|');
  });

  it('give way to one key for more than 64 values', () => {
    const codes = (count: number) => ({
      resourceType: 'Observation' as const,
      category: [{ coding: [{ code: 'z' }] }],
      code: { coding: Array.from({ length: count }, (_, i) => ({ code: `${i % (count - 1)}` })) },
    });
    expect(indexKeys(codes(65))).toHaveLength(65);
    expect(indexKeys(codes(66))).toEqual(['k=z|', 'c!']);
  });
});
