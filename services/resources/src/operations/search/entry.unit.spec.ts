import fc from 'fast-check';
import { cases } from '@provider-access/testing/variant';
import { expect, it } from 'vitest';
import type { RecordPart } from '@provider-access/records';
import { type Entry, entryOf, entryOfText } from './entry.ts';

/** Texts that a payer may choose, such as the id of an event, and that look like the JSON around them. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'labels":[]',
        '"labels":[]',
        'deleted":true',
        '"deleted":true',
        '"lastUpdated":9',
        '"',
        '\\',
        ',',
      ),
      fc.string(),
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(''));
const record: fc.Arbitrary<RecordPart> = fc.record(
  {
    member: fc.constant('m1'),
    type: fc.constant('Condition'),
    id: fc.constant('c1'),
    versionId: fc.nat(),
    lastUpdated: fc.nat(),
    businessTime: fc.integer(),
    sequence: fc.nat(),
    source: hostile,
    event: hostile,
    tie: fc.record({ said: fc.nat(), events: fc.array(hostile, { maxLength: 2 }) }),
    references: fc.array(hostile, { maxLength: 2 }),
    labels: fc.array(hostile, { maxLength: 2 }),
    bytes: fc.nat(),
    deleted: fc.constant(true as const),
  },
  {
    requiredKeys: [
      'member',
      'type',
      'id',
      'versionId',
      'lastUpdated',
      'businessTime',
      'sequence',
      'references',
      'bytes',
    ],
  },
);

it('finds in the text of a record what parsing it finds, whatever texts a payer chose', () => {
  fc.assert(
    fc.property(record, (part) => {
      const [_id, line] = ['m1/Condition/c1', '{}'];
      const what = (entry: Entry | undefined): unknown =>
        entry && [entry.member, entry.type, entry.id, entry.lastUpdated, entry.labels, entry.line];
      for (const whole of [false, true]) {
        const found = entryOfText({ _id, record: { json: JSON.stringify(part), line } }, whole);
        expect(what(found)).toEqual(what(entryOf({ _id, record: { ...part, line } })));
      }
    }),
    { numRuns: cases(500) },
  );
});
