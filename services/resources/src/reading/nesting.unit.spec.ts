import { describe, expect, it } from 'vitest';
import { encodedData } from './incoming.ts';
import { isNestedTooDeeply, MOST_NESTED } from './nesting.ts';

const lists = (depth: number, inner = ''): string => '['.repeat(depth) + inner + ']'.repeat(depth);
const objects = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth);

describe('nesting', () => {
  it.each([
    ['lists', lists],
    ['objects', objects],
    ['both', (depth: number) => '[{"a":'.repeat(depth / 2) + '1' + '}]'.repeat(depth / 2)],
  ])('%s may be as deep as the bound, and not deeper', (_what, nested) => {
    expect(isNestedTooDeeply(nested(MOST_NESTED))).toBe(false);
    expect(isNestedTooDeeply(nested(MOST_NESTED + 2))).toBe(true);
  });
  it('counts what stands in one another, not beside', () => {
    expect(isNestedTooDeeply(`[${'[],{},'.repeat(MOST_NESTED)}1]`)).toBe(false);
    expect(isNestedTooDeeply(`[${'[],'.repeat(MOST_NESTED)}${lists(MOST_NESTED)}]`)).toBe(true);
  });
  it.each([
    ['a bracket', '['.repeat(2 * MOST_NESTED)],
    ['a quotation mark before brackets', `"${'['.repeat(2 * MOST_NESTED)}`],
    ['a backslash at its end', `${'{'.repeat(2 * MOST_NESTED)}\\`],
    ['two backslashes and a quotation mark', `\\\\"${'['.repeat(2 * MOST_NESTED)}`],
  ])('does not count %s in a text, as value or key', (_what, text) => {
    expect(isNestedTooDeeply(JSON.stringify([text]))).toBe(false);
    expect(isNestedTooDeeply(JSON.stringify({ [text]: text }))).toBe(false);
    expect(isNestedTooDeeply(`[${JSON.stringify(text)},${lists(MOST_NESTED)}]`)).toBe(true);
  });
  it.each([MOST_NESTED + 1, 20_000, 1_000_000])('data of %i levels are not encoded', (depth) => {
    expect(encodedData(JSON.parse(lists(depth)))).toBeUndefined();
    expect(encodedData(JSON.parse(objects(depth)))).toBeUndefined();
  });
  it('data within the bound are encoded', () => {
    expect(encodedData(JSON.parse(objects(MOST_NESTED)))).toBe(objects(MOST_NESTED));
  });
});
