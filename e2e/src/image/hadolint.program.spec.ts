import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fetchHadolint } from './hadolint.ts';

test('hadolint finds nothing in the Dockerfile', async () => {
  const { stdout, status } = spawnSync(
    await fetchHadolint(),
    ['--failure-threshold', 'style', '--no-color', join(import.meta.dirname, '../../../tools/image/Dockerfile')],
    { encoding: 'utf8' },
  );
  expect(stdout).toBe('');
  expect(status).toBe(0);
}, 120_000);
