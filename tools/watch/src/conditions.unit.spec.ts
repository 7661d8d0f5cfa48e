import { alertName, ALERTS, conditionOf, type Sample, summaryOf } from '@provider-access/domain/alerts';
import { describe, expect, test } from 'vitest';
import { CASES } from './cases/index.ts';

/**
 * The cases are those that Prometheus' own engine proves (`npm run test:programs`). What a process says of an alert by
 * one look at its own metrics is compared with them.
 */

/** By hand: an alert whose expression looks back over time, or at what is absent, needs Prometheus. */
const ASK_PROMETHEUS = [
  'ServiceLevelMissed',
  'OptOutsLate',
  'Errors',
  'MatchGuesses',
  'TokenRefusals',
  'IntakeStuck',
  'ViewStuck',
  'ExportsStuck',
  'ExportsFail',
  'AppendsFail',
  'ServiceAbsent',
  'Restarts',
  'EventLoopDelay',
  'ProbeFailing',
  'MigrationFailed',
];

/** The value at a minute of promtool's notation: `1x3 0+60x10 _x2`. */
function valueAt(notation: string, minute: number): number | undefined {
  const values: (number | undefined)[] = [];
  for (const part of notation.split(/\s+/)) {
    const [, first, step, times] = /^(\+?[^x+]+?)(?:\+([^x]+))?(?:x(\d+))?$/.exec(part)!;
    const start = first === '_' ? undefined : /^\+?Inf$/.test(first!) ? Number.POSITIVE_INFINITY : Number(first);
    const count = times === undefined ? 1 : Number(times) + (first === '_' ? 0 : 1);
    for (let n = 0; n < count; n += 1)
      values.push(start === undefined ? undefined : start + (step === undefined ? 0 : n * Number(step)));
  }
  return values[minute];
}
function seriesAt(series: Readonly<Record<string, string>>, minute: number): ReadonlyMap<string, readonly Sample[]> {
  const all = new Map<string, Sample[]>();
  for (const [name, notation] of Object.entries(series)) {
    const [, metric, text] = /^(\w+)\{(.*)\}$/.exec(name)!;
    const value = valueAt(notation, minute);
    if (value === undefined) continue;
    const labels = Object.fromEntries([...text!.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, v]) => [key!, v!]));
    all.set(metric!, [...(all.get(metric!) ?? []), { labels, value }]);
  }
  return all;
}

test('an alert is judged by one look where its expression permits it, and no other', () => {
  const undecided = ALERTS.filter((alert) => conditionOf(alert) === undefined);
  expect(undecided.map(({ name }) => name).sort()).toEqual(ASK_PROMETHEUS.toSorted());
});

describe.each(ALERTS.filter((alert) => conditionOf(alert) !== undefined))('$name', (alert) => {
  const { metrics, holds } = conditionOf(alert)!;
  test.each(CASES[alert.name]!)('$when', ({ series, at, fires }) => {
    const now = seriesAt(series, at);
    expect(metrics.filter((name) => now.has(name)).length).toBeGreaterThan(0);
    const held = holds((name) => now.get(name) ?? []);
    for (const { labels = {}, summary } of fires) {
      const [found] = held.filter((one) =>
        Object.entries(labels).every(([key, value]) => value === '' || one.labels[key] === value),
      );
      expect(found, alertName(alert)).toBeDefined();
      expect(summaryOf(alert, found!)).toBe(summary);
    }
    // One that is silent in Prometheus may hold for a shorter time than the rule waits, never for longer.
    if (fires.length === 0 && held.length > 0) expect(alert.for).not.toBe('0m');
  });
});
