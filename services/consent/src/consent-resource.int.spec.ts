import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  deadLetterTopic,
  type DomainEvent,
  encodeEvent,
  PA_CONSENT,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  toStructured,
  dataOf,
} from '@provider-access/events';
import { denyingConsent, Harness, optedIn, payerEvent } from '../test/harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  await h.member('m1');
  await h.member('m2');
});
afterEach(() => h.stop());

const RECORDED = 'payer.resource-recorded.v1';
const recorded = (resource: object, subject: string | undefined = 'm1', type = RECORDED): DomainEvent =>
  payerEvent(type, subject, { resource });
const verdicts = async (): Promise<string[]> => [await h.verdict('m1'), await h.verdict('m2')];
async function letters(
  topic: string = PAYER_MEMBER_EVENTS,
): Promise<{ reason: string; parkedBy: string; deadLetter: string }[]> {
  const all: { reason: string; parkedBy: string; deadLetter: string }[] = [];
  const dead = deadLetterTopic(topic);
  for (let p = 0; p < (await h.log.partitions(dead)); p++)
    for (const r of await h.log.read(dead, p, 0, 100))
      if (r.headers['ce_type'] === 'pa.event-parked.v1') all.push(dataOf<never>(r));
  return all;
}

// Finding M1 (SECURITY.md).
describe('a FHIR Consent that denies', () => {
  it('is an opt-out of its member, which an opt-in ends', async () => {
    await h.publish(recorded(denyingConsent('m1')));
    expect(await verdicts()).toEqual(['opted-out', 'permit']);
    await h.publish(
      recorded(denyingConsent('m1', { provision: { type: 'permit' } })),
      recorded(denyingConsent('m1', { status: 'inactive' })),
    );
    expect(await verdicts()).toEqual(['opted-out', 'permit']);
    await h.publish(optedIn('m1'));
    expect(await verdicts()).toEqual(['permit', 'permit']);
  });
  it('is one event however often it comes', async () => {
    const event = recorded(denyingConsent('m1'));
    await h.publish(event, event, optedIn('m1'), event);
    expect(await h.verdict('m1')).toBe('permit');
  });
  it.each<[string, (event: DomainEvent) => string]>([
    ['as it is', (e) => JSON.stringify(e.data)],
    ['with escapes in the name of its type', (e) => JSON.stringify(e.data).replace('"Consent"', '"Conse\\u006et"')],
    [
      'with escapes in the names of its elements',
      (e) =>
        JSON.stringify(e.data)
          .replace('"resourceType"', '"resource\\u0054ype"')
          .replace('"Consent"', '"C\\u006fnsent"'),
    ],
  ])('is found %s', async (_how, text) => {
    const event = recorded(denyingConsent('m1'));
    await h.publishRaw({ ...encodeEvent(event), value: text(event) });
    expect(await verdicts()).toEqual(['opted-out', 'permit']);
  });
  it('is found in structured mode', async () => {
    const headers = { 'content-type': 'application/cloudevents+json' };
    await h.publishRaw({
      key: 'm1',
      partitionKey: 'm1',
      headers,
      value: JSON.stringify(toStructured(recorded(denyingConsent('m1')))),
    });
    expect(await verdicts()).toEqual(['opted-out', 'permit']);
  });
  it('dated ahead, counts from its day', async () => {
    await h.publish(recorded(denyingConsent('m1', { provision: { type: 'deny', period: { start: '2026-07-01' } } })));
    expect(await h.verdict('m1')).toBe('permit');
    h.now = Date.UTC(2026, 6, 1);
    await h.facts.freshness.poll();
    expect(await h.verdict('m1')).toBe('opted-out');
  });
  it.each<[string, object]>([
    [
      'another resource',
      { resourceType: 'Condition', id: 'c', subject: { reference: 'Patient/m1' }, note: [{ text: '"Consent" deny' }] },
    ],
    ['a Consent that permits', denyingConsent('m1', { provision: { type: 'permit' } })],
    ['a draft', denyingConsent('m1', { status: 'draft' })],
    [
      'a Consent towards another API',
      denyingConsent('m1', {
        category: [
          {
            coding: [
              {
                system: 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/pdex-consent-api-purpose',
                code: 'payer-to-payer',
              },
            ],
          },
        ],
      }),
    ],
    [
      'a Consent that permits and is no valid resource',
      denyingConsent('m1', { provision: { type: 'permit' }, colour: 'red' }),
    ],
  ])('and not %s', async (_what, resource) => {
    await h.publish(recorded(resource));
    expect([await verdicts(), await letters()]).toEqual([['permit', 'permit'], []]);
  });
});

describe('a FHIR Consent that denies and is at fault denies everyone whom it may concern until it is resolved', () => {
  it.each<[string, DomainEvent, string[], string]>([
    [
      'an element that is not FHIR',
      recorded(denyingConsent('m1', { colour: 'red' })),
      ['on-hold', 'permit'],
      'invalid-resource',
    ],
    ['another member than its event', recorded(denyingConsent('m2')), ['on-hold', 'on-hold'], 'names-another-member'],
    [
      'no subject',
      { ...recorded(denyingConsent('m2')), subject: undefined } as never,
      ['permit', 'on-hold'],
      'missing-subject',
    ],
    [
      'neither subject nor patient',
      { ...recorded(denyingConsent(undefined)), subject: undefined } as never,
      ['source-on-hold', 'source-on-hold'],
      'missing-subject',
    ],
    [
      'a time far ahead',
      { ...recorded(denyingConsent('m1')), time: '2030-01-01T00:00:00Z' },
      ['on-hold', 'permit'],
      'time-in-future',
    ],
    [
      'the event of a prior authorization',
      recorded(denyingConsent('m1'), 'm1', 'payer.prior-authorization-changed.v1'),
      ['on-hold', 'permit'],
      'not-a-prior-authorization',
    ],
  ])('%s', async (_what, event, expected, reason) => {
    await h.publishRaw(encodeEvent(event, { key: event.subject ?? 'm1' }));
    expect(await verdicts()).toEqual(expected);
    const [letter, ...others] = await letters();
    expect([letter, others]).toEqual([expect.objectContaining({ reason, parkedBy: 'consent' }), []]);
    await h.discard(letter!.deadLetter);
    await expect.poll(verdicts).toEqual(['permit', 'permit']);
  });
  it('among provider events, where only the Consent says whose it is', async () => {
    await h.log.append(PAYER_PROVIDER_EVENTS, [
      encodeEvent(recorded(denyingConsent('m2'), '1234567893', 'payer.provider-recorded.v1')),
    ]);
    // Readers wait until consent has passed member events, not provider events.
    await expect.poll(verdicts).toEqual(['permit', 'on-hold']);
    const [letter] = await letters(PAYER_PROVIDER_EVENTS);
    expect(letter).toMatchObject({ reason: 'not-a-provider-type', parkedBy: 'consent' });
    await h.discard(letter!.deadLetter, PAYER_PROVIDER_EVENTS);
    await expect.poll(verdicts).toEqual(['permit', 'permit']);
  });
  it('cut in the middle, with escapes', async () => {
    const text = JSON.stringify(recorded(denyingConsent('m1')).data).replace('"Consent"', '"C\\u006fnsent"');
    await h.publishRaw({ ...encodeEvent(recorded(denyingConsent('m1'))), value: text.slice(0, -20) });
    expect(await verdicts()).toEqual(['on-hold', 'permit']);
  });
  it('corrected by a replay, it is the opt-out that it meant', async () => {
    const event = recorded(denyingConsent('m1', { colour: 'red' }));
    await h.publish(event);
    const [letter] = await letters();
    await h.replay(letter!.deadLetter, { ...event, data: { resource: denyingConsent('m1') } });
    await expect.poll(verdicts).toEqual(['opted-out', 'permit']);
    expect((await h.log.head([PA_CONSENT]))[PA_CONSENT]!.some((n) => n > 0)).toBe(true);
  });
  it('replayed as a Consent that permits, the hold stays', async () => {
    const event = recorded(denyingConsent('m1', { colour: 'red' }));
    await h.publish(event);
    const [letter] = await letters();
    await h.replay(letter!.deadLetter, {
      ...event,
      id: 'permit',
      data: { resource: denyingConsent('m1', { provision: { type: 'permit' } }) },
    });
    expect(await verdicts()).toEqual(['on-hold', 'permit']);
  });
});
