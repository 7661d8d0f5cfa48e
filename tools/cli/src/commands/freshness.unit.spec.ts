import { expect, it } from 'vitest';
import { freshnessLines } from './freshness.ts';

const took = { events: 3, p50Ms: 2400, p99Ms: 300_000, worstMs: 310_000 };
const report = {
  from: '2026-11-01',
  to: '2026-11-30',
  at: '2026-11-30T12:00:00.000Z',
  feeds: [
    {
      source: 'urn:lab',
      type: 'Observation',
      newest: '2026-11-28T12:00:00.000Z',
      silentMs: 48 * 3_600_000,
      period: took,
      days: [{ day: '2026-11-28', ...took }],
    },
    {
      source: 'urn:ehr',
      type: 'Condition',
      newest: '2026-11-30T11:59:00.000Z',
      silentMs: 60_000,
      period: { events: 0 },
      days: [],
    },
  ],
};

it('marks feeds that are silent for longer than they may be, and no others', () => {
  const lines = freshnessLines(report, false, 26 * 3_600_000);
  expect(lines[0]).toBe('freshness of feeds at 2026-11-30T12:00:00.000Z; events from 2026-11-01 to 2026-11-30');
  expect(lines.map((line) => line.split(/ {2,}/)).slice(4)).toEqual([
    ['urn:lab', 'Observation', '2026-11-28T12:00:00.000Z', '48.0 h', '3', '2.4 s', '5 min', '5 min', 'stale'],
    ['urn:ehr', 'Condition', '2026-11-30T11:59:00.000Z', '60.0 s', '0'],
  ]);
  expect(freshnessLines(report, false, Infinity).join('\n')).not.toContain('stale');
  expect(freshnessLines(report, true, Infinity).filter((line) => line.includes('2026-11-28 '))).toHaveLength(1);
  expect(freshnessLines({ ...report, feeds: [] }, false, 0)).toEqual(['no feed was measured yet']);
});
