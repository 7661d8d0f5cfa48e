import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ALERTS, alertName, knownSeries } from '@provider-access/watch';
import { afterAll, describe, expect, test } from 'vitest';
import { describeUnless } from '../describe-unless.ts';
import { metricsOf } from './names.ts';
import { input } from './playback.ts';
import { noPromtool, promtool, ruleFilesIn } from './promtool.ts';
import { readable, recordings, runOf } from './recording.ts';

const AGAIN = 'record it again with `npm run test:long -- alerts` (MigrationFailed: `-- cluster`)';
const all = [...recordings()].map(([file, recording]) => ({ file, recording }));
const folder = mkdtempSync(join(tmpdir(), 'provider-access-recordings-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('every alert has a recording, and every recording has an alert', () => {
  const recorded = new Set(all.map(({ recording }) => recording.alert));
  const alerts = new Set(ALERTS.map(({ name }) => name));
  expect(
    [...alerts].filter((name) => !recorded.has(name)),
    `not recorded: ${AGAIN}`,
  ).toEqual([]);
  expect(
    all.filter(({ recording }) => !alerts.has(recording.alert)).map(({ file }) => file),
    'recordings without an alert: remove them',
  ).toEqual([]);
});

describe.each(all)('$file', ({ recording }) => {
  test('holds what the rule reads today, with labels that the metrics still have', () => {
    const rule = ALERTS.find(({ name }) => name === recording.alert)!;
    expect(recording.metrics, `the rule of ${rule.name} reads other metrics: ${AGAIN}`).toEqual(metricsOf(rule));
    const known = knownSeries();
    for (const { metric, labels } of runOf(recording).series) {
      expect(recording.metrics).toContain(metric);
      expect(
        Object.keys(labels).filter((label) => !known.get(metric)!.has(label)),
        `labels of ${metric} that it no longer has: ${AGAIN}`,
      ).toEqual([]);
    }
  });
});

describeUnless(noPromtool, 'Prometheus, with the rules of the chart, on the recordings', () => {
  test.each(all)(
    '$file fires while the fault lasts, and is silent before it and after its cure',
    async ({ file, recording }) => {
      const { stretch, silentStretch = stretch } = recording;
      // Other alerts also read other metrics. Without these they decide nothing.
      const expr = `ALERTS{alertstate="firing",alertname=~"${readable(recording.metrics)
        .map((name) => alertName({ name }))
        .join('|')}"}`;
      const at = (tick: number, factor: number, fires: readonly object[]): object => ({
        expr,
        eval_time: `${tick * factor}s`,
        exp_samples: fires.map((labels) => ({
          labels: `ALERTS{${Object.entries({ ...labels, alertstate: 'firing' })
            .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
            .join(',')}}`,
          value: 1,
        })),
      });
      const replay = async (factor: number, checks: readonly object[]): Promise<void> => {
        const tests = join(folder, `${file}.${factor}.test.json`);
        writeFileSync(
          tests,
          JSON.stringify({
            rule_files: ruleFilesIn(folder, readable(recording.metrics)),
            evaluation_interval: `${factor}s`,
            tests: [{ ...input(runOf(recording), factor), promql_expr_test: checks }],
          }),
        );
        const { code, output } = await promtool(['test', 'rules', tests], folder);
        expect(code, output).toBe(0);
      };
      expect(recording.fires).toContainEqual(
        expect.objectContaining({ alertname: alertName({ name: recording.alert }) }),
      );
      expect(recording.before).toBeLessThan(recording.during);
      expect(recording.during).toBeLessThan(recording.after);
      await replay(stretch, [at(recording.before, stretch, []), at(recording.during, stretch, recording.fires)]);
      await replay(silentStretch, [at(recording.after, silentStretch, [])]);
    },
  );
});
