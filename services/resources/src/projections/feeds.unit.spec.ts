import { describe, expect, it } from 'vitest';
import type { FeedChecked } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { type CheckedEvent, feedRecord } from '../intake/feed-record.ts';
import { type FeedPart, feeds } from './feeds.ts';

const [{ keys, evolve, failed }] = Object.values(feeds.topics) as [(typeof feeds.topics)[string]];
const DAY = Date.UTC(2026, 2, 2);
const PROFILE = 'http://example.org/p|1';
/** What intake found: every third event lacks `a`, every fifth `b`. One of two sources. */
const found = (offset: number): CheckedEvent => ({
  record: { offset, timestamp: DAY + offset * 600_000 },
  source: offset % 2 === 0 ? 'urn:even' : 'urn:odd',
  type: 'Condition',
  checks: [
    {
      profile: PROFILE,
      lacks: [
        ...(offset % 3 === 0 ? [{ element: 'Condition.a', rule: 'min' as const }] : []),
        ...(offset % 5 === 0 ? [{ element: 'Condition.b', rule: 'max' as const }] : []),
      ],
    },
  ],
});
const range = (from: number, next: number): number[] => Array.from({ length: next - from }, (_, i) => from + i);
function recordOf(checked: readonly CheckedEvent[], from: number, next: number): LogRecord {
  const records = range(from, next).map((offset) => ({ offset })) as LogRecord[];
  const { key, headers, value } = feedRecord({ topic: 'payer.member-events', partition: 3, records }, checked, DAY);
  return { topic: 'pa.feeds', partition: 0, offset: from, key, headers, value: Buffer.from(value), timestamp: DAY };
}
const batch = (from: number, next: number): LogRecord => recordOf(range(from, next).map(found), from, next);

function fold(records: readonly LogRecord[], parts = new Map<string, FeedPart>()): Map<string, FeedPart> {
  for (const record of records)
    for (const key of keys(record)) {
      const part = evolve(parts.get(key), record, key) as FeedPart | undefined;
      if (part !== undefined) parts.set(key, part);
    }
  return parts;
}
/** [checked, lacking, a, b] by day and source, as the test counts them. */
const expected = (offsets: readonly number[]): Record<string, number[]> => {
  const counts: Record<string, number[]> = {};
  for (const offset of offsets) {
    const day = new Date(DAY + offset * 600_000).toISOString().slice(0, 10);
    const row = (counts[`${day} ${offset % 2 === 0 ? 'urn:even' : 'urn:odd'}`] ??= [0, 0, 0, 0]);
    const [a, b] = [offset % 3 === 0, offset % 5 === 0];
    for (const [i, is] of [true, a || b, a, b].entries()) row[i]! += is ? 1 : 0;
  }
  return counts;
};
const countsOf = (parts: Map<string, FeedPart>): Record<string, number[]> =>
  Object.fromEntries(
    [...parts.values()].flatMap(({ day, rows }) =>
      rows.map(({ source, checked, lacking, lacks }) => {
        const of = (element: string): number => lacks.find((lack) => lack.element === element)?.count ?? 0;
        return [`${day} ${source}`, [checked, lacking, of('Condition.a'), of('Condition.b')]];
      }),
    ),
  );

describe('the view of feeds', () => {
  it('counts each event once, whatever batches it came in, on both sides of midnight', () => {
    const all = expected(range(0, 300));
    expect(countsOf(fold([batch(0, 100), batch(100, 300)]))).toEqual(all);
    // Handled again with other boundaries, and late by an instance that had lost its partition.
    const again = [batch(0, 100), batch(0, 100), batch(60, 170), batch(100, 120), batch(120, 300), batch(100, 250)];
    expect(countsOf(fold(again))).toEqual(all);
  });

  it('R15 counts labels and tags of each event once, and keeps a bound of them', () => {
    const labelled = (offset: number): CheckedEvent => ({
      ...found(offset),
      record: { offset, timestamp: DAY },
      source: 'urn:one',
      unknownLabels: offset % 2 === 0 ? ['urn:x|a'] : [],
      withheldTags: [...(offset % 4 === 0 ? ['ICD-10 A'] : []), `ICD-10 B${offset}`],
    });
    const of = (from: number, next: number): LogRecord => recordOf(range(from, next).map(labelled), from, next);
    const once = [...fold([of(0, 20), of(10, 30)]).values()].flatMap(({ rows }) => rows);
    expect(once[0]!.unknownLabels).toEqual([{ label: 'urn:x|a', count: 15 }]);
    expect(once[0]!.withheldTags!.find(({ tag }) => tag === 'ICD-10 A')).toEqual({ tag: 'ICD-10 A', count: 8 });
    expect(once[0]!.withheldTags).toHaveLength(31);
    const batches = range(0, 30).map((i) => of(i * 29, i * 29 + 29));
    const sums = [...fold(batches).values()].flatMap(({ rows }) => rows.flatMap((row) => row.withheldTags ?? []));
    expect(sums.reduce((sum, { count }) => sum + count, 0)).toBe(870 + Math.ceil(870 / 4));
    const [most] = Map.groupBy(sums, ({ tag }) => tag).get('(others)')!;
    expect(most!.count).toBeGreaterThan(100);
  });

  it('is the same document if the whole topic is folded again', () => {
    const once = fold([batch(0, 50), batch(50, 90)]);
    expect(countsOf(fold([batch(0, 50), batch(50, 90)], new Map(once)))).toEqual(countsOf(once));
  });

  it('is bounded, whatever sources and elements come, and its sums stay right', () => {
    const strange = (offset: number): CheckedEvent => ({
      record: { offset, timestamp: DAY },
      source: `urn:stranger:${offset}:${'x'.repeat(1000)}`,
      type: 'Condition',
      checks: range(0, 12).map((p) => ({
        profile: `http://example.org/p${p}|1`,
        lacks: range(0, 40).map((e) => ({ element: `Condition.e${e}`, rule: 'min' as const })),
      })),
    });
    const records = range(0, 10).map((i) => {
      const [from, next] = [i * 100, i * 100 + 100];
      return recordOf(range(from, next).map(strange), from, next);
    });
    for (const { value } of records) expect(value.byteLength).toBeLessThan(2 * 1024 * 1024);
    const [part] = [...fold(records).values()];
    expect(Buffer.byteLength(JSON.stringify(part))).toBeLessThan(1024 * 1024);
    const rows = part!.rows.filter(({ profile }) => profile === 'http://example.org/p0|1');
    expect(rows.reduce((sum, { checked }) => sum + checked, 0)).toBe(1000);
    expect(rows.find(({ source }) => source === '(others)')!.checked).toBeGreaterThan(700);
  });

  it('ignores other types, and keeps its counts at a record that cannot be folded', () => {
    const record = batch(0, 3);
    expect(keys({ ...record, headers: { ...record.headers, ce_type: 'pa.progress.v1' } })).toEqual([]);
    expect(failed!(undefined, record, keys(record)[0]!)).toBeUndefined();
    const data = JSON.parse(Buffer.from(record.value).toString()) as FeedChecked;
    expect(data).toMatchObject({ scope: 'payer.member-events/3', from: 0, next: 3 });
  });
});
