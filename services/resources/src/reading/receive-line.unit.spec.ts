import { isDeepStrictEqual } from 'node:util';
import { dataOf, toStructured } from '@provider-access/events';
import { syntheticPayer } from '@provider-access/synthetic';
import { cases, Random, seed } from '@provider-access/testing/search';
import { describe, expect, it } from 'vitest';
import { fromBatch, fromBinary, fromText } from '../../test/former-incoming.ts';
import { event, patient } from '../../test/harness.ts';
import type { JudgeOptions } from '../domain/judge.ts';
import { attributesOf, type Incoming, inPlace } from './incoming.ts';
import { isElsewhere, readEvent } from './read-event.ts';
import { type Form, LINE, receiveLine } from './receive-line.ts';

const JUDGING: JudgeOptions = { now: Date.UTC(2026, 10, 1), floor: '2016-01-01', publicUrl: 'https://payer.example' };

const EVENTS: readonly Record<string, unknown>[] = [
  ...syntheticPayer({ seed, members: 2, asOf: '2026-11-01T00:00:00Z' }).events(),
].map((one) => JSON.parse(JSON.stringify(toStructured(one))) as Record<string, unknown>);

const PARTS = ['"', '\\', '{', '}', ',', ' ', '\u0000', 'é', '"id":"x",', '"data":{},', '\\u0061', '\ufeff'];
/** Ways to write an event. The last ones are no events any more. */
const WRITTEN: readonly ((one: Record<string, unknown>, random: Random) => string)[] = [
  (one) => JSON.stringify(one),
  (one) => JSON.stringify(one),
  (one) => JSON.stringify(one, undefined, 1),
  (one) => `${JSON.stringify(one)} \t`,
  (one) => `\ufeff${JSON.stringify(one)}`,
  ({ data, ...rest }) => JSON.stringify({ data, ...rest }),
  (one) => JSON.stringify({ ...one, source: 'urn:é – 東京', data: one['data'] }),
  (one) => JSON.stringify({ ...one, time: '2999-01-01T00:00:00Z', data: one['data'] }),
  (one) => JSON.stringify(one).replace('"resourceType"', String.raw`"resource\u0054ype"`),
  ({ data, ...rest }) =>
    `${JSON.stringify(rest).slice(0, -1)},"d\\u0061ta":${JSON.stringify({ ...(data as object), data: 5 })}}`,
  // JSON.parse takes the last of two members.
  (one) => `${JSON.stringify(one).slice(0, -1)},"data":{"resource":{"resourceType":"Patient","id":"x"}}}`,
  (one) => `${JSON.stringify(one).slice(0, -1)},"id":"another"}`,
  (one) => JSON.stringify(one).replace('"resource":', '"resource":{"resourceType":"Patient","id":"x"},"resource":'),
  (one, random) => {
    const text = JSON.stringify(one);
    const at = random.below(text.length);
    return text.slice(0, at) + random.one(PARTS) + text.slice(at + random.below(3));
  },
];

interface Sent {
  readonly form: Form;
  readonly bytes: Buffer;
  /** What the request answered, and the log got, before an event was parsed only once. Undefined for a blank line. */
  readonly expected: Incoming | undefined;
}
/** As a request may bring the text of an event. */
const SENT: readonly ((text: string, random: Random) => Sent)[] = [
  (text) => {
    const withoutMark = text.replace(/^\ufeff/, '');
    const expected = withoutMark.trim() === '' ? undefined : fromText(0, withoutMark, 'r-1');
    return { form: LINE, bytes: Buffer.from(text), expected };
  },
  (text, random) => {
    const bytes = spoilt(Buffer.from(text), random);
    return { form: { kind: 'body' }, bytes, expected: fromText(0, bytes.toString(), 'r-1') };
  },
  (text, random) => {
    const bytes = spoilt(Buffer.from(text), random);
    return { form: { kind: 'element' }, bytes, expected: elementOf(bytes.toString()) };
  },
  (text, random) => {
    const headers = { ...headersOf(random.one(EVENTS)), ...(random.below(9) === 0 && { 'ce-data': '{}' }) };
    const data = /"data":(.*)\}/su.exec(text)?.[1] ?? text;
    const bytes = spoilt(Buffer.from(data), random);
    const form: Form = { kind: 'binary', attributes: attributesOf(headers) };
    return { form, bytes, expected: fromBinary(headers, bytes.toString(), 'r-1') };
  },
];

/** One time in ten with a byte that is not UTF-8. */
function spoilt(bytes: Buffer, random: Random): Buffer {
  if (random.below(10) === 0) bytes[random.below(bytes.length)] = 0xff;
  return bytes;
}
function elementOf(text: string): Incoming {
  try {
    JSON.parse(text);
  } catch {
    return { index: 0, ok: false, reason: 'not-json', detail: 'this is not JSON' };
  }
  return fromBatch(`[${text}]`, 'r-1')[0]!;
}
const headersOf = ({ data: _, ...attributes }: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [`ce-${name}`, encodeURIComponent(String(value))]),
  );

/** `toEqual` alone would take most of the time of this spec. */
function same(found: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(found, expected)) expect(found).toEqual(expected);
}

describe('a line that is parsed once', () => {
  it('is stored with all of its data, though the key of the data has an escape', () => {
    const { data, ...rest } = EVENTS[0]!;
    const given = { ...(data as object), data: 5 };
    const line = `${JSON.stringify(rest).slice(0, -1)},"d\\u0061ta":${JSON.stringify(given)}}`;
    const received = receiveLine(Buffer.from(line), 'r-1', JUDGING);
    expect(received.kind === 'accepted' && JSON.parse(Buffer.from(received.value as Uint8Array).toString())).toEqual(
      given,
    );
  });

  it('is answered and stored as before, and intake gets what it would read from the log', () => {
    const random = new Random(seed);
    const found = { refused: 0, read: 0, left: 0, elsewhere: 0 };
    for (let n = 0; n < cases(4_000); n++) {
      const text = random.one(WRITTEN)(random.one(EVENTS), random);
      const { form, bytes, expected } = random.one(SENT)(text, random);
      const received = receiveLine(bytes, 'r-1', JUDGING, form);
      if (received.kind !== 'accepted') {
        const { kind, ...refused } = received;
        same(kind === 'blank' ? undefined : { index: 0, ok: false, ...refused }, expected);
        found.refused += 1;
        continue;
      }
      const value = received.value instanceof Uint8Array ? received.value : bytes.subarray(...received.value);
      const incoming = inPlace(received, 0, Buffer.from(value));
      same(incoming, expected);
      if (!incoming.ok) continue;
      const { topic, record } = incoming;
      if (received.received?.parsed !== undefined) {
        same(received.received.parsed.data, dataOf(record));
        found.elsewhere += 1;
      }
      if (received.reading === undefined) {
        found.left += 1;
        continue;
      }
      const { key, headers } = record;
      same(received.reading, readEvent({ topic, key, headers, value: record.value }, JUDGING));
      found.read += 1;
    }
    expect(found.read).toBeGreaterThan(cases(4_000) / 3);
    expect(Math.min(found.refused, found.left, found.elsewhere)).toBeGreaterThan(cases(4_000) / 80);
  });

  it.each<[why: string, text: string]>([
    ['a second data', `${JSON.stringify(event({ id: 'e', resource: patient('m1') })).slice(0, -1)},"data":{}}`],
    [
      'another attribute twice',
      `${JSON.stringify(event({ id: 'e', resource: patient('m1') })).slice(0, -1)},"id":"f"}`,
    ],
    ['a time that has not come', JSON.stringify(event({ time: '2999-01-01T00:00:00Z', resource: patient('m1') }))],
    ['a type of another service', JSON.stringify(event({ type: 'payer.member-opted-out.v1', data: {} }))],
  ])('is left to intake with %s', (_why, text) => {
    const received = receiveLine(Buffer.from(text), 'r-1', JUDGING);
    expect(received.kind === 'accepted' && received.reading).toBeUndefined();
  });

  it.each<[what: string, event: Record<string, unknown>, decisive: readonly string[] | undefined]>([
    ['of a Coverage', event({ resource: { resourceType: 'Coverage', id: 'c' } }), ['Coverage']],
    ['of a Consent', event({ resource: { resourceType: 'Consent', id: 'c' } }), ['Consent']],
    ['of an opt-out', event({ type: 'payer.member-opted-out.v1', data: {} }), []],
    ['of an event whose time has not come', event({ time: '2999-01-01T00:00:00Z', resource: patient('m1') }), []],
    ['of no other resource', event({ resource: patient('m1') }), undefined],
  ])('has the parsed data %s for other intakes', (_what, one, decisive) => {
    const line = receiveLine(Buffer.from(JSON.stringify(one)), 'r-1', JUDGING);
    const expected = decisive && { decisive, parsed: { data: one['data'] } };
    expect(line.kind === 'accepted' && line.received).toEqual(expected);
  });

  it('is read once though it has a fault, which no later time permits', () => {
    const line = receiveLine(
      Buffer.from(JSON.stringify(event({ resource: { resourceType: 'Nonsense', id: 'n' } }))),
      'r-1',
      JUDGING,
    );
    expect(line).toMatchObject({ reading: { judgement: { kind: 'dead-letter', reason: 'unknown-resource-type' } } });
  });

  it('has no reading where the log does not hand on the headers', () => {
    const line = Buffer.from(JSON.stringify(event({ resource: patient('m1') })));
    expect(receiveLine(line, 'r-1')).not.toHaveProperty('reading');
    expect(receiveLine(line, 'r-1', JUDGING)).toHaveProperty('reading');
    const { headers } = receiveLine(line, 'r-1') as { readonly headers: Readonly<Record<string, string>> };
    expect(isElsewhere({ headers })).toBe(false);
  });
});
