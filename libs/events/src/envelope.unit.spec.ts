import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEvent, type DomainEvent, encodeEvent, fromStructured, toStructured, typeOf } from './envelope.ts';

const event: DomainEvent = {
  id: 'e-1',
  source: 'urn:payer',
  type: 'payer.x.v1',
  time: '2026-01-02T03:04:05.678Z',
  subject: 'member-1',
  data: { a: ['ä', 1, null] },
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  extensions: { pareceipt: 'r-1' },
};
const structured = (change: Record<string, unknown>): Record<string, unknown> => ({
  ...toStructured(event),
  ...change,
});

describe('binary mode', () => {
  it('keeps the event, with attributes as headers and data as the value', () => {
    const record = encodeEvent(event);
    expect(record.headers).toMatchObject({
      ce_specversion: '1.0',
      ce_id: 'e-1',
      ce_type: 'payer.x.v1',
      ce_subject: 'member-1',
      ce_pareceipt: 'r-1',
      'content-type': 'application/json',
    });
    expect(record.value).toBe('{"a":["ä",1,null]}');
    expect(decodeEvent({ ...record, value: Buffer.from(record.value) })).toEqual({ ok: true, event });
    expect(typeOf(record)).toBe('payer.x.v1');
  });

  it('takes the subject as key and partition by default', () => {
    expect(encodeEvent(event)).toMatchObject({ key: 'member-1', partitionKey: 'member-1' });
    expect(encodeEvent(event, { key: 'member-1/Type/1', partitionKey: 'member-1' })).toMatchObject({
      key: 'member-1/Type/1',
      partitionKey: 'member-1',
    });
    expect(encodeEvent({ ...event, subject: undefined })).toMatchObject({ key: 'e-1', partitionKey: 'e-1' });
  });

  it.each([
    ['no id', { ce_id: '' }],
    ['no source', { ce_source: '' }],
    ['no time', { ce_time: '' }],
    ['a time without a zone', { ce_time: '2026-01-02T03:04:05' }],
    ['words for a time', { ce_time: 'yesterday' }],
    ['a month 13', { ce_time: '2026-13-02T03:04:05Z' }],
    ['another version of CloudEvents', { ce_specversion: '0.3' }],
  ])('refuses %s', (_name, change) => {
    const { headers, value } = encodeEvent(event);
    expect(decodeEvent({ headers: { ...headers, ...change }, value })).toMatchObject({
      ok: false,
      reason: 'not-a-cloudevent',
    });
  });

  it('refuses text that is no JSON and JSON that is no event, without repeating it', () => {
    const { headers } = encodeEvent(event);
    const secret = '{"name": "Secret';
    for (const input of [
      { headers, value: secret },
      { headers: {}, value: secret },
      { headers: { 'content-type': 'application/cloudevents+json' }, value: secret },
    ]) {
      const result = decodeEvent(input);
      expect(result.ok).toBe(false);
      expect(JSON.stringify(result)).not.toContain('Secret');
    }
  });

  it('gives back any data and never throws on any bytes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ minLength: 1 }), (data, id) => {
        const given = {
          id,
          source: 's',
          type: 't.v1',
          time: '2026-01-02T03:04:05Z',
          data: JSON.parse(JSON.stringify(data)) as unknown,
        };
        expect(decodeEvent(encodeEvent(given))).toEqual({ ok: true, event: given });
      }),
    );
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.dictionary(fc.constantFrom('ce_type', 'ce_id', 'ce_source', 'ce_time', 'content-type'), fc.string()),
        (value, headers) => {
          expect(typeof decodeEvent({ headers, value }).ok).toBe('boolean');
        },
      ),
    );
  });
});

describe('structured mode', () => {
  it('is read from a record and from a body', () => {
    expect(fromStructured(toStructured(event))).toEqual({ ok: true, event });
    expect(
      decodeEvent({
        headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
        value: JSON.stringify(toStructured(event)),
      }),
    ).toEqual({ ok: true, event });
  });

  it('reads data_base64', () => {
    const { data, ...rest } = toStructured(event);
    expect(fromStructured({ ...rest, data_base64: Buffer.from(JSON.stringify(data)).toString('base64') })).toEqual({
      ok: true,
      event,
    });
    expect(fromStructured({ ...rest, data_base64: 'bm8=' })).toMatchObject({ ok: false, reason: 'not-json' });
  });

  it('does not take dataschema for an extension', () => {
    expect(fromStructured(structured({ dataschema: 'https://example.org' }))).toEqual({ ok: true, event });
  });

  it.each([
    ['a list', []],
    ['null', null],
    ['text', 'x'],
    ['no specversion', structured({ specversion: undefined })],
    ['an id that is a number', structured({ id: 1 })],
    ['an empty type', structured({ type: '' })],
    ['a date for a time', structured({ time: '2026-01-02' })],
    ['a subject that is an object', structured({ subject: {} })],
    ['no data', structured({ data: undefined })],
    ['an attribute in capitals', structured({ memberId: 'x' })],
  ])('refuses %s', (_name, body) => {
    expect(fromStructured(body)).toMatchObject({ ok: false, reason: 'not-a-cloudevent' });
  });
});
