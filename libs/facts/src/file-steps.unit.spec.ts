import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PA_ATTRIBUTION, PA_MEMBERS } from '@provider-access/events';
import { cases } from '@provider-access/testing/variant';
import { ours } from '../test/records.ts';
import { ATTRIBUTED, attributionFacts, type AttributionPart, evolveAttribution } from './attribution.ts';
import { evolveMembers, membersFacts, type MembersPart } from './coverage.ts';

const M = 'm1';
const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const at = (day: number): string => new Date(START + day * DAY).toISOString();

/** What one statement says, in days. Without `source` it is a single event. */
interface Said {
  readonly source?: 'a' | 'b';
  /** The business time; of a file the time of its import. */
  readonly time: number;
  /** The day of which a file tells. */
  readonly asOf: number;
  /** Undefined: an end, from `until` on. */
  readonly from?: number;
  readonly until?: number;
}

/**
 * The rule, from docs/send-your-roster.md. A single event decides from its beginning on, the later one before the
 * earlier one. Of a source only the newest row counts, without what its end takes away. A member is on the list if one
 * of them says so, but a single event overrules a file of an earlier day.
 */
function holds(all: readonly Said[], day: number): boolean {
  const single = all.filter(({ source }) => source === undefined);
  const verdict = single
    .filter((s) => (s.from ?? s.until!) <= day)
    .toSorted((a, b) => a.time - b.time)
    .at(-1);
  const isIn = (s: Said): boolean => s.from !== undefined && s.from <= day && (s.until === undefined || day < s.until);
  if (verdict !== undefined && isIn(verdict)) return true;
  return (['a', 'b'] as const).some((source) => {
    const own = all.filter((s) => s.source === source).toSorted((a, b) => a.time - b.time);
    const row = own.findLast(({ from }) => from !== undefined);
    if (row === undefined || !isIn(row)) return false;
    const ends = own.filter((s) => s.from === undefined && s.time > row.time);
    if (ends.some(({ until }) => until! <= day)) return false;
    return verdict === undefined || verdict.time < row.asOf;
  });
}

const day = fc.integer({ min: 0, max: 30 });
const said = fc
  .record({
    source: fc.constantFrom(undefined, 'a' as const, 'b' as const),
    asOf: day,
    from: fc.option(day, { nil: undefined }),
    length: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
    end: day,
  })
  .map(({ source, asOf, from, length, end }) => ({
    ...(source !== undefined && { source }),
    asOf,
    ...(from === undefined ? { until: end } : { from, ...(length !== undefined && { until: from + length }) }),
  }));
/** Business times are distinct, and within a source a row comes before its end, as imports are. */
const history = fc
  .array(said, { maxLength: 5 })
  .map((all): readonly Said[] => all.map((one, n) => ({ ...one, time: n * 6 + 0.5 })));
const fileOf = ({ source, asOf }: Said) =>
  source === undefined ? {} : { file: { source, batch: 'b', asOf: at(asOf).slice(0, 10) } };

function attribution(all: readonly Said[]): AttributionPart | undefined {
  let part: AttributionPart | undefined;
  for (const [n, one] of all.entries()) {
    const common = { member: M, providers: ['npi|1000000004'], businessTime: at(one.time), ...fileOf(one) };
    const about = { id: `e${n}`, subject: M };
    const to = one.until === undefined ? {} : { to: at(one.until) };
    const record =
      one.from === undefined
        ? ours(PA_ATTRIBUTION, 'pa.attribution-ended.v1', { ...about, data: { ...common, ...to } })
        : ours(PA_ATTRIBUTION, ATTRIBUTED, { ...about, data: { ...common, group: 'g', from: at(one.from), ...to } });
    part = evolveAttribution(part, record) ?? part;
  }
  return part;
}
function coverage(all: readonly Said[]): MembersPart | undefined {
  let part: MembersPart | undefined;
  for (const [n, one] of all.entries()) {
    const span =
      one.from === undefined
        ? { from: at(one.until!), cancelled: true }
        : { from: at(one.from), ...(one.until !== undefined && { to: at(one.until) }) };
    const data = { member: M, coverageId: 'c', sequence: 0, businessTime: at(one.time), ...span, ...fileOf(one) };
    const record = ours(PA_MEMBERS, 'pa.coverage-changed.v1', { id: `e${n}`, subject: M, data });
    part = evolveMembers(part, record) ?? part;
  }
  return part;
}
const isIn = (facts: readonly { readonly from: string; readonly to?: string }[], when: number): boolean =>
  facts.some(({ from, to }) => from <= at(when) && (to === undefined || at(when) < to));
const DAYS = Array.from({ length: 70 }, (_, n) => n);
/** Coverage and attribution follow one rule, up to the form of a file's end. */
const foreseen = (all: readonly Said[]): boolean[] => DAYS.map((when) => holds(all, when));

describe('full files beside single events', () => {
  it('A70 an attribution holds exactly when the rule says so', () => {
    fc.assert(
      fc.property(history, (all) => {
        const facts = attributionFacts(attribution(all));
        expect(DAYS.map((when) => isIn(facts, when))).toEqual(foreseen(all));
      }),
      { numRuns: cases(300) },
    );
  });

  it('A70 a coverage holds exactly when the rule says so', () => {
    fc.assert(
      fc.property(history, (all) => {
        const facts = membersFacts(coverage(all)).coverage;
        expect(DAYS.map((when) => isIn(facts, when))).toEqual(foreseen(all));
      }),
      { numRuns: cases(300) },
    );
  });

  it('A70 the same statements again change nothing', () => {
    fc.assert(
      fc.property(history, (all) => {
        const once = attributionFacts(attribution(all));
        const part = attribution([...all, ...all]);
        const holding = attributionFacts(part);
        expect(DAYS.map((when) => isIn(holding, when))).toEqual(DAYS.map((when) => isIn(once, when)));
      }),
      { numRuns: cases(100) },
    );
  });

  it('a member has at most twenty sources of files, and a further one gives no access', () => {
    let part: AttributionPart | undefined;
    for (let n = 0; n < 25; n += 1) {
      const file = { source: `s${n}`, batch: 'b', asOf: '2026-01-01' };
      const data = { member: M, group: `g${n}`, providers: ['npi|1000000004'], from: at(0), businessTime: at(n), file };
      part = evolveAttribution(part, ours(PA_ATTRIBUTION, ATTRIBUTED, { id: `e${n}`, subject: M, data })) ?? part;
    }
    expect(attributionFacts(part).map(({ group }) => group)).toEqual(Array.from({ length: 20 }, (_, n) => `g${n}`));
  });

  it('a row that one source takes over from another without a gap stays visible since the first one', () => {
    const [a, b] = [
      { source: 'a' as const, time: 1, asOf: 1, from: 0 },
      { source: 'b' as const, time: 2, asOf: 2, from: 0 },
    ];
    const end = { source: 'a' as const, time: 3, asOf: 3, until: 3 };
    const first = attributionFacts(attribution([a]))[0]!;
    expect(attributionFacts(attribution([a, b, end]))).toEqual([
      expect.objectContaining({ from: at(0), recordedAt: first.recordedAt }),
    ]);
  });
});
