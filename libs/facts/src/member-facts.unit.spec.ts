import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MemberFacts } from '@provider-access/domain/access';
import { PA_ATTRIBUTION, PA_CONSENT, PA_MEMBERS } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { cases } from '@provider-access/testing/variant';
import { eventOf, instant, MEMBER as M, said } from '../test/member-events.ts';
import { ours } from '../test/records.ts';
import { toMemberFacts } from './member-facts.ts';
import { memberFacts } from './projections.ts';

function fold(records: readonly LogRecord[]): MemberFacts {
  const doc: Record<string, unknown> = { _id: M };
  for (const record of records) {
    const topic = memberFacts.topics[record.topic]!;
    expect(topic.keys(record)).toEqual([M]);
    const next = topic.evolve(doc[topic.part], record, M);
    if (next !== undefined) doc[topic.part] = next;
  }
  return toMemberFacts(doc as { _id: string });
}
const UNTIMED = { recordedAt: undefined, changedAt: undefined };
/** The part that does not depend on the time of recording. */
const shape = (f: MemberFacts) => ({
  coverage: f.coverage.map((c) => ({ ...c, ...UNTIMED })).sort(by),
  attributions: f.attributions.map((a) => ({ ...a, ...UNTIMED })).sort(by),
  optOuts: f.optOuts.map(({ recordedAt: _r, endRecordedAt: _e, ...o }) => o).sort(by),
  holds: [...f.holds].sort(by),
  mergedWith: f.mergedWith,
  sources: [...f.sources].sort(),
});
const by = (a: object, b: object): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

describe('facts of a member', () => {
  it('are the same in every order of delivery, and with any event delivered again', () => {
    const events = fc.array(said, { minLength: 1, maxLength: 10 }).map((list) => list.map(eventOf));
    fc.assert(
      fc.property(
        events.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray([...list, ...list], { minLength: list.length * 2 })),
        ),
        ([list, shuffled]) => {
          expect(shape(fold(shuffled))).toEqual(shape(fold(list)));
        },
      ),
      { numRuns: cases(500) },
    );
  });

  const attributed = (id: string, bt: number, from: number, to?: number, at = bt): LogRecord =>
    ours(PA_ATTRIBUTION, 'pa.member-attributed.v1', {
      id,
      subject: M,
      at: instant(at),
      data: {
        member: M,
        group: 'g1',
        providers: ['npi|1000000001', 'tin|123456789'],
        contract: 'k',
        businessTime: instant(bt),
        from: instant(from),
        ...(to !== undefined && { to: instant(to) }),
      },
    });
  const end = (id: string, bt: number, to: number, providers = ['npi|1000000001']): LogRecord =>
    ours(PA_ATTRIBUTION, 'pa.attribution-ended.v1', {
      id,
      subject: M,
      at: instant(bt),
      data: { member: M, providers, businessTime: instant(bt), to: instant(to) },
    });

  it('a renewal published early leaves no gap, and counts as seen since the first day', () => {
    const [only, ...others] = fold([attributed('a', 1, 1), attributed('b', 5, 9)]).attributions;
    expect(others).toEqual([]);
    expect(only).toMatchObject({ from: instant(1), recordedAt: instant(1), event: 'b' });
    expect(only!.to).toBeUndefined();
  });

  it('an assertion after a break counts as seen since it was recorded', () => {
    const facts = fold([attributed('a', 1, 1, 3), attributed('b', 8, 3, undefined)]).attributions;
    expect(facts).toMatchObject([{ from: instant(1), recordedAt: instant(8) }]);
  });

  it('an end by one identifier ends the Group of that identifier and more, though it came first', () => {
    expect(fold([end('x', 6, 4), attributed('a', 5, 1)]).attributions).toMatchObject([
      { from: instant(1), to: instant(4) },
    ]);
    expect(fold([end('x', 6, 4, ['npi|9999999999']), attributed('a', 5, 1)]).attributions[0]!.to).toBeUndefined();
  });

  const out = (id: string, bt: number, effective: number): LogRecord =>
    ours(PA_CONSENT, 'pa.opted-out.v1', {
      id,
      subject: M,
      data: { member: M, scope: 'global', businessTime: instant(bt), effective: instant(effective), setBy: 'member' },
    });
  const optIn = (id: string, bt: number, effective: number): LogRecord =>
    ours(PA_CONSENT, 'pa.opted-in.v1', {
      id,
      subject: M,
      data: { member: M, businessTime: instant(bt), effective: instant(effective), setBy: 'member' },
    });

  it('an opt-in ends earlier statements; a later opt-out stands although it is dated back', () => {
    expect(fold([out('o', 1, 1), optIn('i', 3, 3)]).optOuts).toMatchObject([{ from: instant(1), to: instant(3) }]);
    expect(fold([optIn('i', 3, 3), out('o', 5, 1)]).optOuts).toMatchObject([{ from: instant(1) }]);
    expect(fold([optIn('i', 3, 3), out('o', 5, 1)]).optOuts[0]!.to).toBeUndefined();
  });
  it('given at the same time, the opt-out stands', () => {
    expect(fold([out('o', 3, 3), optIn('i', 3, 3)]).optOuts[0]!.to).toBeUndefined();
  });
  it('an opt-in takes back an opt-out that was to begin later', () => {
    expect(fold([out('o', 1, 9), optIn('i', 2, 2)]).optOuts).toEqual([]);
  });
  it('a hold that is delivered after its release does not come back', () => {
    const held = ours(PA_CONSENT, 'pa.access-held.v1', {
      id: 'h',
      subject: M,
      at: instant(1),
      data: { member: M, source: 's', deadLetter: 'dl-1', eventType: 't' },
    });
    const released = ours(PA_CONSENT, 'pa.access-released.v1', {
      id: 'r',
      subject: M,
      at: instant(2),
      data: { member: M, source: 's', deadLetter: 'dl-1' },
    });
    expect(fold([released, held]).holds).toEqual([
      { deadLetter: 'dl-1', eventType: 't', from: instant(1), to: instant(2) },
    ]);
  });
  it('a Coverage says all of itself: a later one takes back the time before it', () => {
    const coverage = (id: string, bt: number, from: number): LogRecord =>
      ours(PA_MEMBERS, 'pa.coverage-changed.v1', {
        id,
        subject: M,
        data: {
          member: M,
          coverageId: 'c',
          from: instant(from),
          businessTime: instant(bt),
          sequence: 0,
          replaces: true,
        },
      });
    expect(fold([coverage('a', 1, 1), coverage('b', 2, 5)]).coverage).toMatchObject([{ from: instant(5) }]);
  });
  it('a record without a member changes no document', () => {
    expect(memberFacts.topics[PA_CONSENT]!.keys(ours(PA_CONSENT, 'pa.access-held.v1', { id: 'h', data: {} }))).toEqual(
      [],
    );
  });
});

describe('ids that are names of every object', () => {
  it.each(['constructor', 'toString', 'valueOf'])('a coverage called %s is a coverage', (coverageId) => {
    const said = (id: string, more: object): LogRecord =>
      ours(PA_MEMBERS, 'pa.coverage-changed.v1', {
        id,
        subject: M,
        source: 'urn:s',
        at: instant(1),
        data: { member: M, coverageId, from: instant(0), businessTime: instant(0), sequence: 0, ...more },
      });
    const other = said('e0', { coverageId: 'c1', cancelled: true });
    expect(fold([other, said('e1', {})]).coverage).toMatchObject([{ coverageId, from: instant(0) }]);
    expect(fold([other, said('e1', {}), said('e2', { businessTime: instant(1), cancelled: true })]).coverage).toEqual(
      [],
    );
  });
});
