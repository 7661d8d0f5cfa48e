import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CASES, DASHBOARD_EXPRESSIONS, GROUPS, testFile } from '@provider-access/watch';
import { describeUnless } from '../describe-unless.ts';
import { noPromtool, promtool, ruleFilesIn } from './promtool.ts';

const folder = mkdtempSync(join(tmpdir(), 'provider-access-rules-'));
describeUnless(noPromtool, 'alert rules', () => {
  let rules: string[];
  beforeAll(async () => {
    rules = ruleFilesIn(folder);
    await promtool(['--version']);
  }, 900_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('Prometheus takes every rule, and its linter has nothing to say', async () => {
    const { code, output } = await promtool(['check', 'rules', '--lint=all', '--lint-fatal', ...rules], folder);
    expect([code, output]).toEqual([0, expect.not.stringContaining('FAILED')]);
  });

  test('Prometheus takes every expression of the dashboards', async () => {
    const rule = join(folder, 'dashboards.yaml');
    writeFileSync(
      rule,
      JSON.stringify({
        groups: [
          { name: 'dashboards', rules: DASHBOARD_EXPRESSIONS.map((expr, i) => ({ record: `panel:${i}`, expr })) },
        ],
      }),
    );
    const { code, output } = await promtool(['check', 'rules', rule], folder);
    expect([code, output]).toEqual([0, expect.stringContaining(`${DASHBOARD_EXPRESSIONS.length} rules found`)]);
  });

  test.each(GROUPS.flatMap((group) => group.alerts.map((alert) => ({ group: group.name, alert, name: alert.name }))))(
    '$name fires when it should, with its words, and is silent when not',
    async ({ group, alert }) => {
      const file = join(folder, `${alert.name}.test.yaml`);
      writeFileSync(
        file,
        testFile(
          rules.find((file) => file.endsWith(`/${group}.yaml`))!,
          CASES[alert.name]!.map((one) => ({ alert, one })),
        ),
      );
      const { code, output } = await promtool(['test', 'rules', file], folder);
      expect(code, output).toBe(0);
    },
  );
});
