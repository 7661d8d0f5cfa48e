import { describe, expect, it } from 'vitest';
import { type DomainEvent, encodeEvent, payerEvent, toStructured } from '@provider-access/events';
import type { LogRecord } from '@provider-access/eventlog';
import { derivedEventId, derivedRecord } from './derived-event.ts';
import { checkInbound, concerned, readInbound } from './inbound.ts';

const TYPE = 'payer.member-opted-out.v1';
const event: DomainEvent = { id: 'e1', source: 'urn:payer', type: TYPE, time: '2026-01-01T00:00:00Z', subject: 'm1', data: { scope: 'global' } };
const record = (over: Partial<LogRecord> = {}, e = event): LogRecord => {
  const { key, headers, value } = encodeEvent(e);
  return { topic: 't', partition: 0, offset: 0, timestamp: 0, key, headers, value: Buffer.from(value as string), ...over };
};
const structured = (text: string): LogRecord => record({ headers: { 'content-type': 'application/cloudevents+json' }, value: Buffer.from(text) });
const read = (r: LogRecord) => readInbound(r, (t) => t === TYPE, [TYPE]);
const NOW = Date.UTC(2026, 0, 1);
const { schema } = payerEvent(TYPE)!;

describe('inbound events', () => {
  it('are read in both modes; what is somebody else\'s is passed over, unread', () => {
    expect(read(record())?.event).toMatchObject({ id: 'e1', subject: 'm1' });
    expect(read(structured(JSON.stringify(toStructured(event))))?.event).toMatchObject({ id: 'e1' });
    expect(read(record({ value: Buffer.from('{{') }, { ...event, type: 'payer.resource-recorded.v1' }))).toBeUndefined();
    expect(read(structured('{{'))).toBeUndefined();
  });
  it('that are broken keep the type they name', () => {
    expect(read(record({ value: Buffer.from('{{') }))).toMatchObject({ type: TYPE, fault: { reason: 'not-json' } });
    expect(read(structured(`{"type":"${TYPE}","subject":"m1"`))).toMatchObject({ type: TYPE, undecodable: true });
  });
  it('concern the member and the source that they name, as far as they can be read', () => {
    expect(concerned(record(), event)).toEqual({ member: 'm1', source: 'urn:payer' });
    expect(concerned(record({}, { ...event, subject: 'not an id!' }), undefined)).toEqual({ source: 'urn:payer' });
    expect(concerned(structured(`{"type":"${TYPE}","source":"urn:x","subject":"m1"`), undefined)).toEqual({ member: 'm1', source: 'urn:x' });
  });
  it.each<[string, Partial<DomainEvent>]>([
    ['time-in-future', { time: '2026-01-01T00:05:01Z' }], ['subject-missing', { subject: undefined }], ['invalid-subject', { subject: 'Patient/1 x' }], ['invalid-data', { data: { scope: 'all' } }],
  ])('are refused as %s, without a value in the text', (reason, over) => {
    const checked = checkInbound({ ...event, ...over }, schema, NOW);
    expect(checked).toMatchObject({ ok: false, fault: { reason } });
    expect(JSON.stringify(checked)).not.toMatch(/yesterday|Patient\/1|"all"/);
  });
  it('derive the same event again, another for another source or subject', () => {
    const ids = [derivedEventId(event, 'm1'), derivedEventId(event, 'm2'), derivedEventId({ ...event, source: 'urn:y' }, 'm1'), derivedEventId(event, 'm1', 1)];
    expect(new Set(ids).size).toBe(4);
    expect(derivedEventId(event, 'm1')).toBe(ids[0]);
    expect(derivedRecord({ deriver: 'consent', type: 'pa.opted-out.v1', cause: event, at: event.time, data: {} })).toMatchObject({ key: 'urn:payer', partitionKey: 'urn:payer', headers: { ce_pasource: 'urn:payer' } });
  });
});
