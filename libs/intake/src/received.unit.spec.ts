import { headersOf } from '@provider-access/events';
import { describe, expect, it } from 'vitest';
import { concernsNone, keepReceived, receivedData, receivedOf, takeParsed } from './received.ts';
import { isAbout, namesNone } from './resources.ts';
import type { Readable } from './read.ts';

const RECORDED = 'payer.resource-recorded.v1';
const recordOf = (type: string, data: unknown, text = JSON.stringify(data)): Readable => ({
  topic: 'payer.member-events',
  key: 'm1',
  headers: headersOf({ id: 'e', source: '/payer', type, time: '2026-01-01T00:00:00Z', subject: 'm1' }),
  value: Buffer.from(text),
});
/** A record that this process has received. */
function received(type: string, data: unknown, { text = JSON.stringify(data), answers = false } = {}): Readable {
  const record = recordOf(type, data, text);
  keepReceived(record, type, receivedData(type, data), answers);
  return record;
}

const escaped = String.raw`{"resource":{"resourceType":"Cover\u0061ge","id":"c"}}`;
const DATA: readonly (readonly [what: string, text: string])[] = [
  ['a Coverage', '{"resource":{"resourceType":"Coverage","id":"c"}}'],
  ['a Coverage with an escape', escaped],
  ['a Consent', '{"resource":{"resourceType":"Consent","id":"c"}}'],
  ['another resource', '{"resource":{"resourceType":"Condition","id":"c"}}'],
  ['another resource with an escape', String.raw`{"resource":{"resourceType":"Condition","id":"c","note":"\u00e9"}}`],
  ['a resource that names the type', '{"resource":{"resourceType":"Condition","id":"c","note":"Coverage"}}'],
  ['the deletion of a Coverage', '{"resourceType":"Coverage","id":"c"}'],
  ['both types', '{"resourceType":"Consent","resource":{"resourceType":"Coverage"}}'],
  ['a list', '[{"resource":{"resourceType":"Coverage"}}]'],
  ['no object', '"Coverage"'],
  ['a type that is no text', '{"resource":{"resourceType":["Coverage"]}}'],
];

describe.each(DATA)('of a received record with %s', (_what, text) => {
  const data: unknown = JSON.parse(text);
  it.each(['Coverage', 'Consent'])('the types tell of %s what its parsed data would', (resource) => {
    const resources = new Set([resource]);
    const record = recordOf(RECORDED, data, text);
    const event = { id: 'e', source: '/payer', type: RECORDED, time: '2026-01-01T00:00:00Z', data };
    const isParsedFor = !namesNone(record, resources) && isAbout(record, { type: RECORDED, event }, resources);
    expect(concernsNone(received(RECORDED, data, { text }), resources)).toBe(!isParsedFor);
  });

  it('the data is kept for those who read it, and for nobody else', () => {
    const record = received(RECORDED, data, { text });
    const readers = ['Coverage', 'Consent'].filter((resource) => !concernsNone(record, new Set([resource])));
    for (const _reader of readers) expect(takeParsed(record)?.data).toBe(data);
    expect(takeParsed(record)).toBeUndefined();
    expect(receivedOf(record)).toBeDefined();
  });
});

it.each<[what: string, type: string, answers: boolean, readers: number]>([
  ['an enrolment', 'payer.member-enrolled.v1', false, 1],
  ['a merge', 'payer.members-merged.v1', false, 2],
  ['an opt-out, whose effect the answer names', 'payer.member-opted-out.v1', true, 2],
])('keeps the data of %s until its last reader has it', (_what, type, answers, readers) => {
  const record = received(type, { from: 'm2' }, { answers });
  expect(concernsNone(record, new Set(['Coverage']))).toBe(false);
  for (let n = 0; n < readers; n++) expect(takeParsed(record)).toEqual({ data: { from: 'm2' } });
  expect(takeParsed(record)).toBeUndefined();
});

it('knows nothing of a record that another process has received', () => {
  const record = recordOf(RECORDED, undefined, escaped);
  expect([receivedOf(record), takeParsed(record), concernsNone(record, new Set(['Coverage']))]).toEqual([
    undefined,
    undefined,
    false,
  ]);
});
