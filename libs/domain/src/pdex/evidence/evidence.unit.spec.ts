import { describe, expect, it } from 'vitest';
import { FIGURE_IDS, upTo } from './index.ts';
import { RULES } from './rules.ts';
import { isMonth, monthOf } from './months.ts';
import { digestOfCsv, digestOfReport, evidenceCsv, type EvidenceReport } from './report.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

describe('a month of the payer', () => {
  /** By hand from the offsets of the zones. */
  it.each([
    ['2026-11', 'America/New_York', '2026-11-01T04:00:00.000Z', '2026-12-01T05:00:00.000Z', '2026-11-30'],
    ['2027-03', 'America/New_York', '2027-03-01T05:00:00.000Z', '2027-04-01T04:00:00.000Z', '2027-03-31'],
    ['2028-02', 'Pacific/Honolulu', '2028-02-01T10:00:00.000Z', '2028-03-01T10:00:00.000Z', '2028-02-29'],
    ['2026-12', 'Pacific/Guam', '2026-11-30T14:00:00.000Z', '2026-12-31T14:00:00.000Z', '2026-12-31'],
    ['2026-01', 'Asia/Kathmandu', '2025-12-31T18:15:00.000Z', '2026-01-31T18:15:00.000Z', '2026-01-31'],
  ])('%s in %s', (period, zone, begins, ends, to) => {
    const month = monthOf(period, zone);
    expect([iso(month.begins), iso(month.ends), month.from, month.to]).toEqual([begins, ends, `${period}-01`, to]);
  });
  it('has a name of one form', () => {
    for (const text of ['2026-13', '2026-00', '2026-1', '26-11', '2026-11-01', '1999-12', ' 2026-11', '2026-11\n'])
      expect(isMonth(text), text).toBe(false);
    expect(isMonth('2026-11')).toBe(true);
  });
});

describe('a signed report', () => {
  const hostile = ['=HYPERLINK("x")', '+1', '-1', '@x', 'a"b', 'a,b', 'a\r\nsignature,sha256,' + '0'.repeat(64)];
  const report: EvidenceReport = {
    ...{ period: '2026-11', from: '2026-11-01', to: '2026-11-30', timeZone: 'UTC', complete: true },
    ...{ madeAt: '2026-12-01T00:00:00.000Z', language: 'en', rules: [] },
    figures: hostile.map((title) => ({ id: 'releases', title, how: 'x', state: 'exact', value: -1 })),
  };

  it('has one hash however its JSON is printed, and another one after any change', () => {
    const again: unknown = JSON.parse(JSON.stringify(report, null, 4));
    const turned = Object.fromEntries(Object.entries(again as object).toReversed());
    expect([digestOfReport(again), digestOfReport(turned)]).toEqual([digestOfReport(report), digestOfReport(report)]);
    expect(digestOfReport({ ...report, complete: false })).not.toBe(digestOfReport(report));
  });
  it('as CSV has no cell that a table program runs, and one signature at its end', () => {
    const csv = evidenceCsv(report);
    expect(csv).toContain(`"'=HYPERLINK(""x"")"`);
    expect(csv).toContain(",'+1,");
    // A number is a number, also below 0.
    expect(csv).toContain(',exact,-1,');
    const found = digestOfCsv(csv)!;
    expect(found.digest).toBe(found.signed);
    const changed = digestOfCsv(csv.replace('2026-11,', '2026-10,'))!;
    expect(changed.digest).not.toBe(changed.signed);
    for (const cut of ['', csv.slice(0, -1), `${csv}x`]) expect(digestOfCsv(cut)).toBeUndefined();
    const late = digestOfCsv(csv.slice(100))!;
    expect(late.digest).not.toBe(late.signed);
  });
});

describe('the tables of the report', () => {
  it('use every figure in a rule, and no other', () => {
    const used = new Set(RULES.flatMap(({ figures }) => figures));
    expect([...used].toSorted()).toEqual([...FIGURE_IDS].toSorted());
  });
  it('end a count at its bound', () => {
    expect([upTo(5, 4), upTo(5, 5)]).toEqual([
      { state: 'exact', value: 4 },
      { state: 'at-least', value: 5 },
    ]);
  });
});
