import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const CHILD = fileURLToPath(new URL('../../../test/state/fill-the-disk.ts', import.meta.url));

test('the state store refuses changes while the disk is full, fails as a whole, and continues with room', () => {
  const folder = mkdtempSync(join(tmpdir(), 'state-full-'));
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--conditions=@provider-access/source', '--no-warnings', CHILD, join(folder, 'state.db')],
    { encoding: 'utf8' },
  );
  rmSync(folder, { recursive: true });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(JSON.parse(stdout)).toEqual({
    before: null,
    claimed: 'EngineUnavailable',
    several: ['EngineUnavailable', 'EngineUnavailable'],
    full: expect.stringContaining('the state store is away') as string,
    still: true,
    after: null,
    found: ['a', null, null],
    again: 'b',
  });
});
