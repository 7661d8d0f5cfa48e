import { afterEach, describe, expect, it } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { denyingConsent, Harness, optedOut, payerEvent, START } from '../test/harness.ts';

let h: Harness;
afterEach(() => h.stop());

async function started(days?: PayerDays): Promise<void> {
  h = new Harness();
  // `start` reads a day as a UTC day unless the test gives another meaning.
  await h.start({}, days ?? new PayerDays());
  await h.member('m1');
}
async function verdictAt(at: string): Promise<string> {
  h.now = Date.parse(at);
  await h.facts.freshness.poll();
  return h.verdict('m1');
}
const optOutFrom = (effectiveFrom: string): DomainEvent =>
  payerEvent('payer.member-opted-out.v1', 'm1', { effectiveFrom });
const optInFrom = (effectiveFrom: string): DomainEvent =>
  payerEvent('payer.member-opted-in.v1', 'm1', { effectiveFrom });

describe('a day of an opt-out or opt-in (finding M15)', () => {
  it.each([
    ['without a setting', [], '2026-06-30T10:00:00.000Z', '2026-07-15T12:00:00.000Z'],
    [
      'in Guam and Honolulu',
      ['Pacific/Guam', 'Pacific/Honolulu'],
      '2026-06-30T14:00:00.000Z',
      '2026-07-15T10:00:00.000Z',
    ],
    ['in New York', ['America/New_York'], '2026-07-01T04:00:00.000Z', '2026-07-15T04:00:00.000Z'],
  ])(
    '%s: the opt-out begins in the earliest zone, the opt-in in the latest',
    async (_where, zones, denies, permits) => {
      await started(new PayerDays(zones));
      const before = (at: string): string => new Date(Date.parse(at) - 1).toISOString();
      await h.publish(optOutFrom('2026-07-01'));
      expect(await verdictAt(before(denies))).toBe('permit');
      expect(await verdictAt(denies)).toBe('opted-out');
      await h.publish(optInFrom('2026-07-15'));
      expect(await verdictAt(before(permits))).toBe('opted-out');
      expect(await verdictAt(permits)).toBe('permit');
    },
  );

  it('that has begun in the earliest zone denies at once, though the payer still has the day before', async () => {
    await started();
    expect(new Date(START).toISOString()).toBe('2026-06-01T12:00:00.000Z');
    await h.publish(optOutFrom('2026-06-02'));
    expect(await h.verdict('m1')).toBe('opted-out');
  });

  it('an opt-in from today does not count before today is everywhere', async () => {
    await started();
    await h.publish(optedOut('m1'));
    h.now = Date.parse('2026-06-03T11:00:00Z');
    await h.publish(
      payerEvent('payer.member-opted-in.v1', 'm1', { effectiveFrom: '2026-06-03' }, { time: '2026-06-03T11:00:00Z' }),
    );
    expect(await h.verdict('m1')).toBe('opted-out');
    expect(await verdictAt('2026-06-03T12:00:00.000Z')).toBe('permit');
  });

  it('in a FHIR Consent begins in the earliest zone, a month with its first day', async () => {
    await started(new PayerDays(['Pacific/Honolulu', 'Pacific/Guam']));
    const consent = denyingConsent('m1', { provision: { type: 'deny', period: { start: '2026-07' } } });
    await h.publish(payerEvent('payer.resource-recorded.v1', 'm1', { resource: consent }));
    expect(await verdictAt('2026-06-30T13:59:59.999Z')).toBe('permit');
    expect(await verdictAt('2026-06-30T14:00:00.000Z')).toBe('opted-out');
  });

  it('an instant means itself', async () => {
    await started(new PayerDays(['Pacific/Guam']));
    await h.publish(optOutFrom('2026-07-01T00:00:00-05:00'));
    expect(await verdictAt('2026-07-01T04:59:59.999Z')).toBe('permit');
    expect(await verdictAt('2026-07-01T05:00:00.000Z')).toBe('opted-out');
  });
});

// Finding M15 (SECURITY.md).
describe('the last day of a FHIR Consent that denies', () => {
  const denial = (end: string): DomainEvent =>
    payerEvent('payer.resource-recorded.v1', 'm1', {
      resource: denyingConsent('m1', { provision: { type: 'deny', period: { end } } }),
    });

  // The clock shows 1 June, 12:00 UTC.
  it.each([
    ['is over where the payer counts days', ['America/New_York'], '2026-05-31', 'permit'],
    ['is over in the latest of its time zones', ['Pacific/Guam', 'Pacific/Honolulu'], '2026-05-31', 'permit'],
    ['goes on there', ['America/New_York'], '2026-06-01', 'opted-out'],
    ['is over at noon UTC when no time zone is set', [], '2026-05-31', 'permit'],
  ])('%s', async (_what, zones, end, verdict) => {
    await started(new PayerDays(zones));
    await h.publish(denial(end));
    expect(await h.verdict('m1')).toBe(verdict);
  });

  it('goes on until the day is over in Honolulu, for a payer there', async () => {
    await started(new PayerDays(['Pacific/Honolulu']));
    h.now = Date.parse('2026-06-01T09:59:59Z');
    await h.facts.freshness.poll();
    await h.publish({ ...denial('2026-05-31'), time: '2026-06-01T09:00:00Z' });
    expect(await h.verdict('m1')).toBe('opted-out');
  });

  it('is over for a payer in New York at the same moment', async () => {
    await started(new PayerDays(['America/New_York']));
    h.now = Date.parse('2026-06-01T09:59:59Z');
    await h.facts.freshness.poll();
    await h.publish({ ...denial('2026-05-31'), time: '2026-06-01T09:00:00Z' });
    expect(await h.verdict('m1')).toBe('permit');
  });
});
