import { expect, test } from 'vitest';
import { PAYER_CONTRACT } from '@provider-access/events';
import { LivingPayer } from './live.ts';

const OPTIONS = { seed: 'live', members: 60, asOf: '2026-11-01T00:00:00.000Z' };
const START = Date.UTC(2026, 10, 27);
const timeOf = (tick: number): number => START + tick * 10_000;
const events = Array.from({ length: 200 }, (_, tick) => new LivingPayer(OPTIONS).event(tick, timeOf));

test('every event is one that the platform takes at its time', () => {
  for (const [tick, event] of events.entries())
    expect(PAYER_CONTRACT.read(event, timeOf(tick)), `tick ${tick}`).toMatchObject({ ok: true });
  expect(new Set(events.map(({ id }) => id)).size).toBe(events.length);
});

test('the same tick is the same event, whenever it is asked for', () => {
  const payer = new LivingPayer(OPTIONS);
  for (const tick of [199, 3, 117]) expect(payer.event(tick, timeOf)).toEqual(events[tick]);
});

test('a round has six claims, a request that is pended and then decided, and a member who leaves and returns', () => {
  for (let first = 0; first < events.length; first += 10) {
    const round = events.slice(first, first + 10);
    const types = round.map(({ type }) => type);
    expect(types.filter((type) => type === 'payer.resource-recorded.v1')).toHaveLength(6);
    const decisions = round
      .filter(({ type }) => type === 'payer.prior-authorization-changed.v1')
      .map(({ data }) => (data as { resource: { id: string; outcome: string; created: string } }).resource);
    expect(decisions.map(({ outcome }) => outcome)).toEqual(['queued', 'complete']);
    // Both are versions of one request.
    expect(new Set(decisions.map(({ id, created }) => `${id} ${created}`)).size).toBe(1);
    const choices = round.filter(({ type }) => type.startsWith('payer.member-opted-'));
    expect(choices.map(({ type }) => type)).toEqual(['payer.member-opted-out.v1', 'payer.member-opted-in.v1']);
    expect(choices[0]!.subject).toBe(choices[1]!.subject);
  }
});

test('without a covered member nothing can happen', () => {
  expect(() => new LivingPayer({ ...OPTIONS, members: 0 })).toThrow(RangeError);
});
