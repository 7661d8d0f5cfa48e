import { describe, expect, it } from 'vitest';
import { PA_ATTRIBUTION, PA_MEMBERS } from '@provider-access/events';
import { ours } from '../test/records.ts';
import { attributionFacts, type AttributionPart, evolveAttribution } from './attribution.ts';
import { evolveMembers, membersFacts, type MembersPart } from './coverage.ts';

const M = 'm1';
const day = (n: number): string => new Date(Date.UTC(2020, 0, 1 + n)).toISOString();
/** Days: the day of the statement about a name, and the day from which it holds. */
interface Said {
  readonly id: string;
  readonly name: string;
  readonly said: number;
  readonly from: number;
  readonly ends?: boolean;
}

const coverage = (
  part: MembersPart | undefined,
  { id, name, said, from, ends = false }: Said,
): MembersPart | undefined =>
  evolveMembers(
    part,
    ours(PA_MEMBERS, 'pa.coverage-changed.v1', {
      id,
      subject: M,
      at: day(said),
      data: {
        member: M,
        coverageId: name,
        from: day(from),
        businessTime: day(said),
        sequence: 0,
        ...(ends && { cancelled: true }),
      },
    }),
  ) ?? part;
const covered = (part: MembersPart | undefined, now: number): readonly string[] =>
  membersFacts(part)
    .coverage.filter((c) => c.from <= day(now) && (c.to === undefined || day(now) < c.to))
    .map((c) => c.coverageId);

describe('a new coverage each day', () => {
  it('that ends the one before it: the member stays covered by the last, and the document stays small', () => {
    let part: MembersPart | undefined;
    const sizes: number[] = [];
    for (let n = 0; n < 1_000; n++) {
      if (n > 0) part = coverage(part, { id: `x${n}`, name: `c${n - 1}`, said: n, from: n, ends: true });
      part = coverage(part, { id: `e${n}`, name: `c${n}`, said: n, from: n });
      expect(covered(part, n)).toEqual([`c${n}`]);
      sizes.push(JSON.stringify(part).length);
    }
    expect(sizes[999]).toBeLessThan(sizes[250]! * 1.1);
    // A second delivery of an old event brings nothing back.
    part = coverage(part, { id: 'e3', name: 'c3', said: 3, from: 3 });
    expect(covered(part, 1_000)).toEqual(['c999']);
    expect(covered(coverage(part, { id: 'again', name: 'c3', said: 1_001, from: 1_001 }), 1_001)).toEqual([
      'c999',
      'c3',
    ]);
  });
  it('of which none ends: the oldest is left out, and the rest cover', () => {
    let part: MembersPart | undefined;
    for (let n = 0; n < 500; n++) part = coverage(part, { id: `e${n}`, name: `c${n}`, said: n, from: n });
    expect(covered(part, 500)).toContain('c499');
    expect(covered(part, 500)).toEqual(expect.not.arrayContaining(['c0']));
    expect(Object.keys(part!.coverage).length).toBe(200);
  });
});

const attributed = (
  part: AttributionPart | undefined,
  { id, name, said, from, ends = false }: Said,
): AttributionPart | undefined => {
  const common = { member: M, providers: [`npi|${name}`], businessTime: day(said) };
  const record = ends
    ? ours(PA_ATTRIBUTION, 'pa.attribution-ended.v1', {
        id,
        subject: M,
        at: day(said),
        data: { ...common, to: day(from) },
      })
    : ours(PA_ATTRIBUTION, 'pa.member-attributed.v1', {
        id,
        subject: M,
        at: day(said),
        data: { ...common, group: `g${name}`, from: day(from) },
      });
  return evolveAttribution(part, record) ?? part;
};
const attributions = (part: AttributionPart | undefined, now: number): readonly string[] =>
  attributionFacts(part)
    .filter((a) => a.from <= day(now) && (a.to === undefined || day(now) < a.to))
    .map((a) => a.group);
const npi = (n: number): string => String(1_000_000_000 + n);

describe('a new provider each day', () => {
  it('the member stays attributed to the last, and an old event brings nothing back', () => {
    let part: AttributionPart | undefined;
    for (let n = 0; n < 600; n++) part = attributed(part, { id: `e${n}`, name: npi(n), said: n, from: n });
    expect(Object.keys(part!.groups).length).toBe(200);
    expect(attributions(part, 600)).toContain(`g${npi(599)}`);
    part = attributed(part, { id: 'e3', name: npi(3), said: 3, from: 3 });
    expect(attributions(part, 600)).not.toContain(`g${npi(3)}`);
  });
  it('whose attribution ends: very many ends count as one of every provider, and later assertions count', () => {
    let part = attributed(undefined, { id: 'kept', name: npi(9_999), said: 0, from: 0 });
    for (let n = 0; n < 300; n++) part = attributed(part, { id: `x${n}`, name: npi(n), said: n, from: n, ends: true });
    expect(JSON.stringify(part).length).toBeLessThan(40_000);
    // An old assertion of a provider whose attribution ended has no effect.
    expect(attributions(attributed(part, { id: 'old', name: npi(5), said: 4, from: 4 }), 400)).not.toContain(
      `g${npi(5)}`,
    );
    expect(attributions(attributed(part, { id: 'new', name: npi(5), said: 400, from: 400 }), 400)).toContain(
      `g${npi(5)}`,
    );
  });
});
