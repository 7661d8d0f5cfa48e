import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeUnless } from '../describe-unless.ts';
import { helmProgram, noHelm } from '@provider-access/cluster/programs';
import { CHART } from './paths.ts';

describeUnless(noHelm, 'the chart as a package', () => {
  test('helm lint finds nothing to complain about', async () => {
    const { status, stdout } = spawnSync(
      await helmProgram(),
      ['lint', '--strict', CHART, '-f', join(CHART, 'examples/production/values.yaml')],
      { encoding: 'utf8' },
    );
    expect(stdout).toContain('1 chart(s) linted, 0 chart(s) failed');
    expect(status).toBe(0);
  });

  test('the packaged chart is the chart: nothing that it reads is left out', async () => {
    const helm = await helmProgram();
    const folder = mkdtempSync(join(tmpdir(), 'provider-access-package-'));
    try {
      const said = spawnSync(helm, ['package', CHART, '--destination', folder], { encoding: 'utf8' });
      expect(said.stdout).toContain('Successfully packaged');
      const archive = join(folder, readdirSync(folder)[0]!);
      const of = (chart: string): string =>
        spawnSync(helm, ['template', 'pa', chart, '-f', join(CHART, 'examples/everything/values.yaml')], {
          encoding: 'utf8',
          maxBuffer: 64 * 1024 * 1024,
        }).stdout;
      expect(of(archive).length).toBeGreaterThan(100_000);
      expect(of(archive)).toBe(of(CHART));
      const inside = spawnSync('tar', ['-tzf', archive], { encoding: 'utf8' }).stdout;
      expect(inside).toContain('provider-access/README.md');
      expect(inside).not.toMatch(/examples|_test\.yaml/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
