import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { goProgram } from '@provider-access/testing';
import { expect, test } from 'vitest';
import { CHART, ROOT } from './paths.ts';

test('the suites of helm-unittest in charts/provider-access/tests pass, every one of them', async () => {
  const suites = readdirSync(join(CHART, 'tests')).filter((name) => name.endsWith('_test.yaml'));
  const written = suites.flatMap(
    (name) => readFileSync(join(CHART, 'tests', name), 'utf8').match(/^ {2}- it: /gm) ?? [],
  ).length;
  const program = await goProgram({
    name: 'helm-unittest',
    module: join(ROOT, 'e2e/go/helm-unittest'),
    package: 'github.com/helm-unittest/helm-unittest/cmd/helm-unittest',
  });
  const { status, stdout, stderr } = spawnSync(program, [CHART], { encoding: 'utf8' });
  expect(stdout + stderr).toContain(`Test Suites: ${suites.length} passed, ${suites.length} total`);
  expect(stdout).toContain(`Tests:       ${written} passed, ${written} total`);
  expect(status).toBe(0);
  expect(written).toBeGreaterThan(40);
});
