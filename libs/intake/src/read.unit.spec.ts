import { describe, expect, it } from 'vitest';
import {
  type DomainEvent,
  encodeEvent,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  toStructured,
} from '@provider-access/events';
import { derivedEventId, derivedRecord } from './derived-event.ts';
import { concerned, type Readable, readInbound } from './read.ts';

const TYPE = 'payer.member-opted-out.v1';
const NEWEST = 'payer.member-opted-out.v2';
const event: DomainEvent = {
  id: 'e1',
  source: 'urn:payer',
  type: TYPE,
  time: '2026-01-01T00:00:00Z',
  subject: 'm1',
  data: { scope: 'global' },
};
const record = (over: Partial<Readable> = {}, e = event): Readable => {
  const { key, headers, value } = encodeEvent(e);
  return { topic: PAYER_MEMBER_EVENTS, key, headers, value: Buffer.from(value as string), ...over };
};
const structured = (text: string): Readable =>
  record({ headers: { 'content-type': 'application/cloudevents+json' }, value: Buffer.from(text) });
const NOW = Date.UTC(2026, 0, 1);
const types = new Set([TYPE, NEWEST]);
const read = (r: Readable) => readInbound(r, { types, strays: 'passed' }, NOW);
const readStray = (r: Readable) => readInbound(r, { types, strays: 'parked' }, NOW);

describe('inbound events', () => {
  it("are read in both modes, with the defaults of the schema; what is somebody else's is passed over, unread", () => {
    expect(read(record({}, { ...event, data: {} }))?.event).toMatchObject({
      id: 'e1',
      subject: 'm1',
      data: { scope: 'global', setBy: 'member' },
    });
    expect(read(structured(JSON.stringify(toStructured(event))))?.event).toMatchObject({ id: 'e1' });
    for (const reading of [read, readStray]) {
      expect(
        reading(record({ value: Buffer.from('{{') }, { ...event, type: 'payer.resource-recorded.v1' })),
      ).toBeUndefined();
      expect(
        reading({
          topic: PAYER_MEMBER_EVENTS,
          key: 'gap',
          headers: { ce_type: 'pa.gap.v1' },
          value: Buffer.from('{}'),
        }),
      ).toBeUndefined();
    }
    expect(read(structured('{{'))).toBeUndefined();
  });

  it('of another source than the synthetic payer are faults in a sandbox, and only there', () => {
    const inSandbox = (source: string) =>
      readInbound(record({}, { ...event, source }), { types, strays: 'passed', sandbox: true }, NOW);
    for (const source of ['urn:payer', 'urn:provider-access:sandboxes', 'x/urn:provider-access:sandbox'])
      expect(inSandbox(source)).toMatchObject({ ok: false, type: TYPE, fault: { reason: 'not-from-the-sandbox' } });
    for (const source of ['urn:provider-access:sandbox', 'urn:provider-access:sandbox/claims'])
      expect(inSandbox(source)).toMatchObject({ ok: true, event: { id: 'e1' } });
    expect(read(record({}, { ...event, source: 'urn:provider-access:sandbox' }))).toMatchObject({ ok: true });
  });

  it.each(['pa.gap.v1', 'pa.progress.v1', 'pa.opted-in.v1', 'pa.access-released.v1'])(
    'of a type of the platform (%s) are of an unknown type: none vanishes',
    (type) => {
      for (const given of [
        record({}, { ...event, type }),
        structured(JSON.stringify(toStructured({ ...event, type }))),
      ]) {
        expect(readStray(given)).toMatchObject({
          ok: false,
          type: undefined,
          fault: { reason: 'unknown-event-type' },
          stray: true,
        });
        expect(concerned(given, undefined)).toMatchObject({ member: 'm1' });
      }
    },
  );

  it('that are broken keep the type they name', () => {
    expect(read(record({ value: Buffer.from('{{') }))).toMatchObject({
      ok: false,
      type: TYPE,
      fault: { reason: 'not-json' },
      stray: false,
    });
    expect(read(structured(`{"type":"${TYPE}","subject":"m1"`))).toMatchObject({ ok: false, type: TYPE, stray: true });
  });

  it('of a version that nobody knows are faults of the type they may be a version of', () => {
    const later = record({}, { ...event, type: 'payer.member-opted-out.v7' });
    expect(read(later)).toMatchObject({
      ok: false,
      type: NEWEST,
      fault: { reason: 'unknown-event-type' },
      stray: true,
    });
    expect(read(record({}, { ...event, type: 'payer.weather-changed.v1' }))).toBeUndefined();
    expect(readStray(record({}, { ...event, type: 'payer.weather-changed.v1' }))).toMatchObject({
      ok: false,
      type: undefined,
      stray: true,
    });
  });

  it.each<[string, Partial<Readable>]>([
    ['wrong-topic', { topic: PAYER_PROVIDER_EVENTS }],
    ['key-names-another-member', { key: 'm2' }],
  ])('in the wrong place are refused as %s', (reason, over) => {
    expect(read(record(over))).toMatchObject({
      ok: false,
      type: TYPE,
      fault: { reason },
      stray: false,
      event: { subject: 'm1' },
    });
  });

  it.each<[string, Partial<DomainEvent>]>([
    ['time-in-future', { time: '2026-01-01T00:05:01Z' }],
    ['missing-subject', { subject: undefined } as object],
    ['invalid-subject', { subject: 'Patient/1 x' }],
    ['invalid-data', { data: { scope: 'all' } }],
  ])('are refused as %s, without a value in the text', (reason, over) => {
    const inbound = read(record({}, { ...event, ...over }));
    expect(inbound).toMatchObject({ ok: false, fault: { reason } });
    expect(inbound?.ok === false && JSON.stringify(inbound.fault)).not.toMatch(/Patient\/1|"all"/);
  });

  it.each(['id', 'source'])('are refused whose %s has 257 characters, and taken with 256, in both modes', (name) => {
    for (const of of [
      (e: DomainEvent) => record({}, e),
      (e: DomainEvent) => structured(JSON.stringify(toStructured(e))),
    ]) {
      expect(read(of({ ...event, [name]: 'x'.repeat(257) }))).toMatchObject({
        ok: false,
        type: TYPE,
        fault: { reason: 'not-a-cloudevent' },
        stray: false,
      });
      expect(read(of({ ...event, [name]: 'x'.repeat(256) }))).toMatchObject({ ok: true });
    }
  });

  it('concern the member and the source that they name, as far as they can be read', () => {
    expect(concerned(record(), event)).toEqual({ member: 'm1', source: 'urn:payer' });
    expect(concerned(record({}, { ...event, subject: 'not an id!' }), undefined)).toEqual({ source: 'urn:payer' });
    expect(concerned(structured(`{"type":"${TYPE}","source":"urn:x","subject":"m1"`), undefined)).toEqual({
      member: 'm1',
      source: 'urn:x',
    });
  });

  it('derive the same event again, another for another source or subject', () => {
    const ids = [
      derivedEventId(event, 'm1'),
      derivedEventId(event, 'm2'),
      derivedEventId({ ...event, source: 'urn:y' }, 'm1'),
      derivedEventId(event, 'm1', 1),
    ];
    expect(new Set(ids).size).toBe(4);
    expect(derivedEventId(event, 'm1')).toBe(ids[0]);
    expect(
      derivedRecord({ deriver: 'consent', type: 'pa.opted-out.v1', cause: event, at: event.time, data: {} }),
    ).toMatchObject({ key: 'urn:payer', partitionKey: 'urn:payer', headers: { ce_pasource: 'urn:payer' } });
  });
});
