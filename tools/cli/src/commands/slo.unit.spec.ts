import { expect, it, test } from 'vitest';
import type { ServiceLevelReport } from '@provider-access/domain/pdex/service-levels';
import { duration, sloLines } from './slo.ts';

const calendar = { timeZone: 'America/Chicago', days: ['mon', 'tue', 'wed', 'thu', 'fri'], holidays: ['2026-11-26'] };
const report: ServiceLevelReport = {
  from: '2026-11-01',
  to: '2026-11-30',
  at: '2026-12-02T12:00:00.000Z',
  calendar,
  measuredWith: [calendar],
  objectives: [
    {
      objective: 'answered',
      target: '1 business day',
      met: 99_999,
      missed: 0,
      overdue: 1,
      share: 0.99999,
      p50Ms: 850,
      p99Ms: 7_300_000,
      worstMs: 90_000_000,
      open: { count: 2, oldest: '2026-11-30T12:00:00.000Z', deadline: '2026-12-01T12:00:00.000Z', usedShare: 1.999 },
      exports: ['job-1'],
    },
    {
      objective: 'claims-visible',
      target: '1 business day',
      met: 3,
      missed: 0,
      overdue: 0,
      share: 1,
      p50Ms: 2_400,
      p99Ms: 300_000,
      worstMs: 400 * 3_600_000,
      open: { count: 0 },
    },
    { objective: 'opt-out-effective', target: '1 s', met: 0, missed: 0, overdue: 0, open: { count: 0 } },
  ],
};

it('prints a table, what is open, the exports, and the calendar that was used', () => {
  const lines = sloLines(report);
  expect(lines[0]).toBe('service levels of what began from 2026-11-01 to 2026-11-30, at 2026-12-02T12:00:00.000Z');
  // A share is never rounded up to a hundred.
  expect(lines).toContain(
    'answered           1 business day  100000  99999  0       1        99.999 %  850 ms  2.0 h  25.0 h     2',
  );
  expect(lines).toContain(
    'claims-visible     1 business day  3       3      0       0        100 %     2.4 s   5 min  16.7 days  0',
  );
  expect(lines).toContain(
    'opt-out-effective  1 s             0       0      0       0                                            0',
  );
  expect(lines).toContain(
    'open: 2 of answered, the oldest since 2026-11-30T12:00:00.000Z, due 2026-12-01T12:00:00.000Z, 199 % of its ' +
      'time used',
  );
  expect(lines.slice(lines.indexOf('exports that were missed or are overdue:'))).toEqual([
    'exports that were missed or are overdue:',
    '  job-1',
    '',
    'business days: mon tue wed thu fri in America/Chicago, without 2026-11-26',
  ]);
  expect(sloLines({ ...report, measuredWith: [{ ...calendar, holidays: [] }] }).at(-1)).toBe(
    'configured now: mon tue wed thu fri in America/Chicago, without 2026-11-26',
  );
  expect(sloLines({ ...report, objectives: [], measuredWith: [] })).toContain('nothing was measured');
});

test.each([
  [undefined, ''],
  [0, '0 ms'],
  [999.6, '1000 ms'],
  [1000, '1.0 s'],
  [119_999, '120.0 s'],
  [120_000, '2 min'],
  [7_200_000, '2.0 h'],
  [72 * 3_600_000, '3.0 days'],
])('%s is %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});
