import { expect, it } from 'vitest';
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
const effect = (p: ConsentPart, id: string) => consentEffect(p, `${id}~sourceaaaa`, NOW);

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
