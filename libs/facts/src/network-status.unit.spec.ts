import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NetworkStatusRecorded } from '@provider-access/events';
import { cases } from '@provider-access/testing/variant';
import { networkFacts, type NetworkStatements, NO_STATEMENTS, withNetworkChange } from './network-status.ts';

const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const day = (n: number): string => new Date(START + n * DAY_MS).toISOString();
/** Half a day later, so that no single event has the time of a file. */
const noon = (n: number): string => new Date(START + (n + 0.5) * DAY_MS).toISOString();

/** Days. `absent` is a row that the file of its source does not have any more. */
interface Said {
  readonly status: 'in' | 'out' | 'absent';
  readonly from: number;
  /** Of a single event: when it was said. Of a row: the day of which the file tells. */
  readonly said: number;
  readonly row?: string;
}
/** In the order in which they are published. */
function recorded({ status, from, said, row }: Said, n: number): readonly [string, NetworkStatusRecorded, string] {
  const published = new Date(START + (row === undefined ? said + 0.5 : said) * DAY_MS + n).toISOString();
  const change: NetworkStatusRecorded = {
    provider: 'tin|123456789',
    status: status === 'in' ? 'in-network' : 'out-of-network',
    from: day(from),
    businessTime: row === undefined ? noon(said) : published,
    ...(row !== undefined && { file: { source: row[0]!, batch: `b${n}`, asOf: day(said).slice(0, 10) }, row }),
    ...(status === 'absent' && { absent: true }),
  };
  return [`e${String(n).padStart(3, '0')}`, change, published];
}
const stateOf = (all: readonly Said[], start: NetworkStatements = NO_STATEMENTS): NetworkStatements =>
  all.reduce((known, said, n) => withNetworkChange(known, ...recorded(said, n)) ?? known, start);
const statusOf = (all: readonly Said[]): ((t: number) => string | undefined) => {
  const facts = networkFacts(stateOf(all));
  return (t) => facts.findLast(({ from }) => from <= day(t))?.status;
};

/** Reference, from the rules of docs/send-your-roster.md: each statement is asked for each day. */
function isInside(all: readonly Said[], t: number): boolean {
  const single = all.filter(({ row }) => row === undefined);
  const rows = new Map<string, Said[]>();
  for (const one of all) if (one.row !== undefined) rows.set(one.row, [...(rows.get(one.row) ?? []), one]);
  for (const row of rows.values()) {
    let holds: Said | undefined;
    for (const one of row)
      if (one.status === 'in') holds = t >= one.from ? one : undefined;
      else if (t >= one.from) holds = undefined;
    // A single event from the day of the file on counts from its date.
    const { said } = holds ?? { said: 0 };
    if (holds !== undefined && !single.some((event) => event.said >= said && event.from <= t)) return true;
  }
  // A row that says "out" overrules single events before its day, until its source says another thing.
  const left = [...rows.values()].flatMap((row) =>
    row.filter(
      (one, at) =>
        one.status === 'out' && !row.slice(at + 1).some((later) => later.status === 'in' || later.from <= one.from),
    ),
  );
  const deciding = [...single.map((one) => ({ ...one, said: one.said + 0.5 })), ...left]
    .filter(({ from }) => from <= t)
    .toSorted((a, b) => a.said - b.said)
    .at(-1);
  return deciding?.status === 'in';
}

const time = fc.integer({ min: 0, max: 30 });
const event = fc.record({ status: fc.constantFrom('in' as const, 'out' as const), from: time, said: time });
const ofRow = fc.record({
  status: fc.constantFrom('in' as const, 'in' as const, 'out' as const, 'absent' as const),
  from: time,
  row: fc.constantFrom('a1', 'a2', 'b1'),
});
/** Files of a source come with a later day, and a row has so few statements that all are kept. */
const history = fc
  .tuple(
    // One event for each time, because ids of events break ties.
    fc.uniqueArray(event, { maxLength: 4, selector: ({ said }) => said }),
    fc.array(ofRow, { maxLength: 9 }),
    fc.array(time, { minLength: 9, maxLength: 9 }),
    fc.array(fc.nat(), { minLength: 20, maxLength: 20 }),
  )
  .map(([single, rows, days, order]): readonly Said[] => {
    const asOf = days.toSorted((a, b) => a - b);
    const few = rows.filter((one, at) => rows.slice(0, at).filter(({ row }) => row === one.row).length < 4);
    const files = few.map((one, at) => ({ ...one, said: asOf[at]! }));
    // Single events come before, between and after.
    const all: Said[] = [...files];
    for (const [at, one] of single.entries()) all.splice(order[at]! % (all.length + 1), 0, one);
    return all;
  });

describe('A70 the network status of a provider in full files', () => {
  it('is that of single events and of each row of each source, on every day', () => {
    fc.assert(
      fc.property(history, (all) => {
        const statusAt = statusOf(all);
        let wasInside = false;
        for (let t = 0; t <= 31; t += 1) {
          const inside = isInside(all, t);
          const status = statusAt(t);
          expect(status === 'in-network', `day ${t}`).toBe(inside);
          // A provider that was inside is known to be outside, so that no list of it is shown for another identifier.
          if (wasInside && !inside) expect(status, `day ${t}`).toBe('out-of-network');
          wasInside ||= inside;
        }
      }),
      { numRuns: cases(300) },
    );
  });

  it('is the same however often a statement comes', () => {
    fc.assert(
      fc.property(history, (all) => {
        const once = stateOf(all);
        for (const [n, one] of all.entries())
          expect(withNetworkChange(once, ...recorded(one, n)) ?? once).toEqual(once);
      }),
      { numRuns: cases(100) },
    );
  });

  const inside = (row: string, said = 10): Said => ({ status: 'in', from: 0, said, row });
  const absent = (row: string, said = 20): Said => ({ status: 'absent', from: said, said, row });
  it.each<[string, readonly Said[], number, string | undefined]>([
    ['an absent row ends what it said', [inside('a1'), absent('a1')], 20, 'out-of-network'],
    ['not before the day of the file', [inside('a1'), absent('a1')], 19, 'in-network'],
    ['a provider that another source lists stays', [inside('a1'), inside('b1'), absent('a1')], 25, 'in-network'],
    ['a TIN that another NPI of the file has stays', [inside('a1'), inside('a2'), absent('a2')], 25, 'in-network'],
    [
      'what a single event said stays',
      [{ status: 'in', from: 0, said: 5 }, inside('a1'), absent('a1')],
      25,
      'in-network',
    ],
    [
      'a row that says "out" overrules an earlier single event',
      [
        { status: 'in', from: 0, said: 5 },
        { status: 'out', from: 15, said: 10, row: 'a1' },
      ],
      15,
      'out-of-network',
    ],
    ['and no other source', [inside('b1'), { status: 'out', from: 15, said: 12, row: 'a1' }], 15, 'in-network'],
    [
      'a later single event overrules the files',
      [inside('a1'), { status: 'out', from: 12, said: 11 }],
      12,
      'out-of-network',
    ],
    [
      'a later file lists it again',
      [inside('a1'), { status: 'out', from: 12, said: 11 }, { ...inside('a1', 20), from: 1 }],
      20,
      'in-network',
    ],
    ['nothing is known before the first statement', [{ status: 'in', from: 5, said: 10, row: 'a1' }], 4, undefined],
  ])('%s', (_, all, t, status) => expect(statusOf(all)(t)).toBe(status));

  it('A76 is after an undo what it was before the import, in whatever order the statements come', () => {
    const undoOf = ([, change]: readonly [string, NetworkStatusRecorded, string], before?: NetworkStatusRecorded) => {
      const [event, again, at] = recorded({ status: 'absent', from: 0, said: 31, row: change.row! }, 50);
      // As pa states it: what the row said before, or that the row is not there from its beginning on.
      const said = before ?? { ...again, from: change.from };
      const file = { ...change.file!, batch: `undo.${change.file!.batch}` };
      return [event, { ...said, file, businessTime: again.businessTime }, at] as const;
    };
    fc.assert(
      fc.property(fc.array(ofRow, { maxLength: 2 }), ofRow, fc.boolean(), (earlier, wrong, isLate) => {
        const rows = earlier.map((one, n): Said => ({ ...one, row: 'a1', said: n }));
        const known = stateOf(rows);
        const last = rows.length === 0 ? undefined : recorded(rows.at(-1)!, rows.length - 1)[1];
        // Two files of one day differ in their batch.
        const imported = recorded({ ...wrong, row: 'a1', said: 5 }, 40);
        const undo = undoOf(imported, last?.absent === true ? undefined : last);
        const both: readonly ReturnType<typeof recorded>[] = isLate ? [undo, imported] : [imported, undo];
        const after = both.reduce((state, one) => withNetworkChange(state, ...one) ?? state, known);
        const isIn = (state: NetworkStatements, t: number): boolean =>
          networkFacts(state).findLast(({ from }) => from <= day(t))?.status === 'in-network';
        for (let t = 0; t <= 31; t += 1) expect(isIn(after, t), `day ${t}`).toBe(isIn(known, t));
      }),
      { numRuns: cases(300) },
    );
  });

  it('begins for a client when the platform knew it again, and goes on where one source follows another', () => {
    const sinceOf = (all: readonly Said[]) =>
      networkFacts(stateOf(all)).map(({ status, recordedAt }) => [status, recordedAt]);
    const late = inside('b1', 22);
    const first = recorded(inside('a1'), 0)[2];
    expect(sinceOf([inside('a1'), inside('b1'), absent('a1')])).toEqual([['in-network', first]]);
    // Recorded after the other had ended: a delta has to bring what was hidden in between.
    expect(sinceOf([inside('a1'), absent('a1'), late])).toEqual([
      ['in-network', first],
      ['out-of-network', recorded(absent('a1'), 1)[2]],
      ['in-network', recorded(late, 2)[2]],
    ]);
  });
});
