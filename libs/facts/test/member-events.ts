import fc from 'fast-check';
import { PA_ATTRIBUTION, PA_CONSENT, PA_MEMBERS } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { ours } from './records.ts';

export const instant = (day: number): string => new Date(Date.UTC(2025, 0, 1 + day)).toISOString();
export const MEMBER = 'm1';

const day = fc.integer({ min: 0, max: 12 });
const span = fc.record({ from: day, length: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }) });
/** What one event may say about a member: few values, so that statements often meet. */
export const said = fc.oneof(
  fc.record({
    kind: fc.constant('coverage' as const),
    coverageId: fc.constantFrom('c1', 'c2'),
    span,
    bt: day,
    sequence: fc.integer({ min: 0, max: 2 }),
    cancelled: fc.boolean(),
    replaces: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('terminated' as const), span, bt: day }),
  fc.record({ kind: fc.constant('attributed' as const), group: fc.constantFrom('g1', 'g2'), span, bt: day }),
  fc.record({
    kind: fc.constant('ended' as const),
    provider: fc.constantFrom('npi|1000000001', 'npi|1000000002'),
    span,
    bt: day,
  }),
  fc.record({ kind: fc.constant('out' as const), span, bt: day }),
  fc.record({ kind: fc.constant('in' as const), span, bt: day }),
  fc.record({ kind: fc.constant('held' as const), dl: fc.constantFrom('dl-1', 'dl-2'), span, bt: day }),
  fc.record({
    kind: fc.constantFrom('told' as const, 'letter back' as const),
    of: fc.constantFrom('m1', 'm2'),
    span,
    bt: day,
  }),
  fc.record({ kind: fc.constant('released' as const), dl: fc.constantFrom('dl-1', 'dl-2'), span, bt: day }),
);
type Said = typeof said extends fc.Arbitrary<infer T> ? T : never;

/** The `i`th event of a story, about one member. */
export function eventOf(s: Said, i: number): LogRecord {
  const base = { id: `e${i}`, subject: MEMBER, source: `urn:s${i % 2}`, at: instant(20 + i) };
  const common = { member: MEMBER, businessTime: instant(s.bt) };
  const from = instant(s.span.from);
  const to = s.span.length === undefined ? {} : { to: instant(s.span.from + s.span.length) };
  switch (s.kind) {
    case 'coverage':
      return ours(PA_MEMBERS, 'pa.coverage-changed.v1', {
        ...base,
        data: {
          ...common,
          coverageId: s.coverageId,
          from,
          ...to,
          sequence: s.sequence,
          ...(s.cancelled && { cancelled: true }),
          ...(s.replaces && { replaces: true }),
        },
      });
    case 'terminated':
      return ours(PA_MEMBERS, 'pa.coverage-changed.v1', {
        ...base,
        data: { ...common, coverageId: '*', from, sequence: 0, cancelled: true },
      });
    case 'attributed':
      return ours(PA_ATTRIBUTION, 'pa.member-attributed.v1', {
        ...base,
        data: { ...common, group: s.group, providers: [`npi|100000000${s.group.slice(1)}`], from, ...to },
      });
    case 'ended':
      return ours(PA_ATTRIBUTION, 'pa.attribution-ended.v1', {
        ...base,
        data: { ...common, providers: [s.provider], to: from },
      });
    case 'out':
      return ours(PA_CONSENT, 'pa.opted-out.v1', {
        ...base,
        data: { ...common, scope: 'global', effective: from, setBy: 'member' },
      });
    case 'in':
      return ours(PA_CONSENT, 'pa.opted-in.v1', { ...base, data: { ...common, effective: from, setBy: 'member' } });
    case 'held':
      return ours(PA_CONSENT, 'pa.access-held.v1', {
        ...base,
        data: { member: MEMBER, source: 'urn:s0', deadLetter: s.dl, eventType: 'payer.member-opted-out.v1' },
      });
    case 'told':
      return ours(PA_MEMBERS, 'pa.notice-sent.v1', {
        ...base,
        data: { ...common, member: s.of, kind: 'yearly', on: from.slice(0, 10), from },
      });
    case 'letter back':
      return ours(PA_MEMBERS, 'pa.notice-returned.v1', {
        ...base,
        data: { ...common, member: s.of, on: from.slice(0, 10) },
      });
    case 'released':
      return ours(PA_CONSENT, 'pa.access-released.v1', {
        ...base,
        data: { member: MEMBER, source: 'urn:s0', deadLetter: s.dl },
      });
  }
}
