import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { READ_UNTIL, readUntilOf, readUntilText } from './audit-events.ts';

const read = (text: string) => readUntilOf({ [`ce_${READ_UNTIL}`]: text });
const offsets = z.record(z.string(), z.array(z.int()));
const schema = z.object({ ofMembers: offsets, ofParties: offsets });

describe('the header that says how far facts had been read (ADR 0145)', () => {
  it.each([
    '',
    'null',
    '1',
    '[]',
    '{}',
    '{"ofMembers":{}}',
    '{"ofMembers":[],"ofParties":{}}',
    '{"ofMembers":{},"ofParties":null}',
    '{"ofMembers":{"t":1},"ofParties":{}}',
    '{"ofMembers":{"t":["1"]},"ofParties":{}}',
    '{"ofMembers":{"t":[null]},"ofParties":{}}',
    '{"ofMembers":{"t":[0.5]},"ofParties":{}}',
    '{"ofMembers":{"t":[1e300]},"ofParties":{}}',
  ])('is unknown in the form %s', (text) => {
    expect(read(text)).toBeUndefined();
  });

  it('is read as a schema reads it, whatever stands there', () => {
    const some = fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.array(fc.oneof(fc.integer(), fc.jsonValue()))));
    fc.assert(
      fc.property(fc.record({ ofMembers: some, ofParties: some, more: some }, { requiredKeys: [] }), (value) => {
        const text = JSON.stringify(value);
        expect(read(text)).toEqual(schema.safeParse(JSON.parse(text)).data);
      }),
      { numRuns: 300 },
    );
  });

  it('has the offsets of parties again when they are another object', () => {
    const first = { ofMembers: { 'pa.members': [1, -1] }, ofParties: { 'pa.registry': [3] } };
    const next = { ...first, ofParties: { 'pa.registry': [4] } };
    for (const each of [first, first, next, first]) expect(read(readUntilText(each))).toEqual(each);
  });
});
