import fc from 'fast-check';
import { cases } from '@provider-access/testing/variant';
import { type CoverageChanged, encodeEvent } from '@provider-access/events';
import { evolveMembers, type MembersPart } from '@provider-access/facts';
import { describe, expect, it } from 'vitest';
import { orderedAfter } from './step-order.ts';

interface Said {
  readonly id: string;
  readonly day: number;
  readonly sequence: number;
  readonly covers: boolean;
}
const EVER = '0001-01-01T00:00:00.000Z';
const at = (day: number): string => new Date(Date.UTC(2026, 0, day)).toISOString();
const changeOf = ({ day, sequence, covers }: Said): CoverageChanged => ({
  member: 'm',
  coverageId: 'c',
  from: covers ? at(1) : EVER,
  ...(!covers && { cancelled: true }),
  replaces: true,
  businessTime: at(day),
  sequence,
});

/** Derives and folds like the intake, one event after the other. @returns the event that counts in the end */
function run(arrived: readonly Said[]): { event: string | undefined; part: MembersPart | undefined } {
  let part: MembersPart | undefined;
  for (const said of arrived) {
    const change = orderedAfter(changeOf(said), said.id, part?.coverage['c'] ?? []);
    if (change === undefined) continue;
    const { key, headers, value } = encodeEvent({
      id: said.id,
      source: 'urn:x',
      type: 'pa.coverage-changed.v1',
      time: at(20),
      subject: 'm',
      data: change,
    });
    part =
      evolveMembers(part, {
        topic: 'pa.members',
        partition: 0,
        offset: 0,
        key,
        headers,
        value: Buffer.from(value as string),
        timestamp: 0,
      }) ?? part;
  }
  return { event: part?.coverage['c']?.at(-1)?.event, part };
}

describe('changes of one coverage', () => {
  it('with one business time: the later append stands, whatever the ids, and a repetition changes nothing', () => {
    const ids = ['q', 'c', 'x', 'a', 'z', 'k'];
    const all = ids.map((id, i): Said => ({ id, day: 2, sequence: 0, covers: i % 2 === 0 }));
    for (let n = 1; n <= all.length; n++) expect(run(all.slice(0, n)).event).toBe(ids[n - 1]);
    expect(run([...all, all[0]!, all[2]!, all[1]!, all[5]!]).event).toBe('k');
  });
  it('a cancellation of the same time ends coverage, and one that is stated a millisecond later as well', () => {
    const covered: Said = { id: 'z', day: 2, sequence: 0, covers: true };
    const { part } = run([covered, { ...covered, id: 'y' }, { ...covered, id: 'a', covers: false }]);
    expect(part!.coverage['c']).toMatchObject([{ event: 'a' }]);
    expect(part!.coverage['c']![0]).not.toHaveProperty('f');
    const next = orderedAfter(
      { ...changeOf({ ...covered, covers: false }), businessTime: '2026-01-02T00:00:00.001Z' },
      '0',
      run([covered, { ...covered, id: 'y' }]).part!.coverage['c']!,
    );
    expect(next).toMatchObject({ businessTime: '2026-01-02T00:00:00.002Z', tie: { said: '2026-01-02T00:00:00.001Z' } });
  });
  it(
    'in any order, however often they come: the newest by time and sequence stands, of equals the one that came ' +
      'first the latest',
    () => {
      const said = fc
        .array(fc.record({ day: fc.integer({ min: 2, max: 4 }), sequence: fc.nat(1), covers: fc.boolean() }), {
          minLength: 1,
          maxLength: 7,
        })
        .map((list) => list.map((e, i): Said => ({ ...e, id: `e${(i * 5) % 7}` })));
      const arrivals = said.chain((list) =>
        fc.shuffledSubarray([...list, ...list, ...list], { minLength: list.length * 3, maxLength: list.length * 3 }),
      );
      fc.assert(
        fc.property(arrivals, (arrived) => {
          const first = arrived.filter((e, i) => arrived.findIndex((other) => other.id === e.id) === i);
          const winner = first.reduce((best, e) =>
            e.day > best.day || (e.day === best.day && e.sequence >= best.sequence) ? e : best,
          );
          expect(run(arrived).event).toBe(winner.id);
        }),
        { numRuns: cases(300) },
      );
    },
  );
  it('stay small', () => {
    const { part } = run(
      Array.from({ length: 300 }, (_, i): Said => ({ id: `e${i}`, day: 2, sequence: 0, covers: true })),
    );
    expect(JSON.stringify(part).length).toBeLessThan(600);
  });
});
