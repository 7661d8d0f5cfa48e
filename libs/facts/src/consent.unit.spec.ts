import { expect, it } from 'vitest';
import type { ProviderKey } from '@provider-access/events';
import { consentEffect, type ConsentPart } from './consent.ts';

const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const NOW = Date.parse(at(100));
/** A statement of one source: its business time, and from when on it holds. */
const said = (id: string, minute: number, from = minute) => ({
  event: `${id}~sourceaaaa`,
  businessTime: at(minute),
  from: at(from),
  recordedAt: at(minute),
});
const part = (outs: ReturnType<typeof said>[], ins: ReturnType<typeof said>[]): ConsentPart => ({
  outs: outs.map((o) => ({ ...o, scope: 'global' })),
  ins,
  sources: [],
});
const NPI = 'npi|1234567893';
const TIN = 'tin|111111111' as ProviderKey;
const OTHER = 'npi|1679576722' as ProviderKey;
/** The network names the first two together. */
const identity = (provider: ProviderKey): readonly ProviderKey[] => (provider === OTHER ? [OTHER] : [NPI, TIN]);
const effect = (p: ConsentPart, id: string) => consentEffect(p, `${id}~sourceaaaa`, { now: NOW, identity });

it.each<[string, ConsentPart, string, object | undefined]>([
  ['an opt-out alone', part([said('out', 50)], []), 'out', { status: 'effective' }],
  ['an opt-out that is dated ahead', part([said('out', 50, 200)], []), 'out', { status: 'scheduled', from: at(200) }],
  ['an opt-out before an opt-in', part([said('out', 50)], [said('in', 60)]), 'out', { status: 'superseded', by: 'in' }],
  [
    'an opt-out that a scheduled opt-in will end',
    part([said('out', 50)], [said('in', 60, 200)]),
    'out',
    { status: 'effective' },
  ],
  ['an opt-in alone', part([], [said('in', 60)]), 'in', { status: 'effective' }],
  ['an opt-in after an opt-out', part([said('out', 50)], [said('in', 60)]), 'in', { status: 'effective' }],
  [
    'an opt-in that is dated ahead',
    part([said('out', 50)], [said('in', 60, 200)]),
    'in',
    { status: 'scheduled', from: at(200) },
  ],
  ['an opt-in before an opt-out', part([said('out', 70)], [said('in', 60)]), 'in', { status: 'superseded', by: 'out' }],
  [
    'an opt-in before an opt-out that another will end',
    part([said('out', 70)], [said('in', 60), said('later', 80, 200)]),
    'in',
    { status: 'superseded', by: 'out' },
  ],
  ['a statement that nobody knows', part([said('out', 70)], []), 'in', undefined],
])('%s', (_what, known, id, expected) => expect(effect(known, id)).toEqual(expected));

/** An opt-out of some providers, and an opt-in for some, ten minutes later. */
const specific = (out: ProviderKey[], back: ProviderKey[], from = 60): ConsentPart => ({
  outs: [{ ...said('out', 50), scope: 'provider-specific', targets: out }],
  providerIns: [{ ...said('in', 60, from), targets: back }],
  sources: [],
});
const EFFECTIVE = { status: 'effective' };
const SUPERSEDED = { status: 'superseded', by: 'out' };
it.each<[string, ConsentPart, object]>([
  ['the same identifier', specific([NPI], [NPI]), EFFECTIVE],
  ['another identifier of the same practice', specific([TIN], [NPI]), SUPERSEDED],
  ['one of the two identifiers that bar the practice', specific([TIN, NPI], [NPI]), SUPERSEDED],
  ['both identifiers that bar the practice', specific([TIN, NPI], [NPI, TIN]), EFFECTIVE],
  ['another practice', specific([TIN], [OTHER]), EFFECTIVE],
  ['one of two practices', specific([OTHER, NPI], [NPI]), EFFECTIVE],
  ['the same identifier, dated ahead', specific([NPI], [NPI], 200), { status: 'scheduled', from: at(200) }],
])('N10 an opt-in by %s', (_what, known, expected) => expect(effect(known, 'in')).toEqual(expected));

it('N10 an opt-in by another identifier is effective once another opt-in has ended that opt-out', () => {
  const known = specific([TIN], [NPI]);
  const both = { ...known, providerIns: [...known.providerIns!, { ...said('more', 70), targets: [TIN] }] };
  expect(effect(both, 'in')).toEqual(EFFECTIVE);
});
