import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { environment } from './deployment.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'provider-access-file-store-'));
afterAll(() => rmSync(dataDir, { recursive: true, force: true }));

/** What resources says when it does not start. One variable is always at fault, so that no start waits for engines. */
function refusal(env: Readonly<Record<string, string>>): string {
  const engines = { KAFKA_BROKERS: '127.0.0.1:1', MONGODB_URI: 'mongodb://127.0.0.1:1' };
  const { status, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, '../../services/resources/dist/main.js')],
    {
      env: environment(
        { dataDir, env: { ...engines, MONGODB_MIN_POOL_SIZE: '10000', ...env } },
        'https://pa.example.org',
      ),
      encoding: 'utf8',
      timeout: 60_000,
    },
  );
  expect(status).toBe(1);
  expect(stderr).toContain('MONGODB_MIN_POOL_SIZE');
  return stderr;
}

test('resources does not start without a file store, and says how it may', () => {
  const said = refusal({ FILES_DIR: '' });
  expect(said).toContain('FILES_DIR: must be set for FILES=fs');
  expect(said).toContain('ATTACHMENTS: inline lets the service start without a file store');
});

test.each([
  ['with a folder', {}],
  ['without one, if attachments stay in their resources', { FILES_DIR: '', ATTACHMENTS: 'inline' }],
])('resources finds no fault in its file store %s', (_how, env: Record<string, string>) => {
  expect(refusal(env)).not.toMatch(/FILES|ATTACHMENTS/);
});

test('resources refuses another place for attachments', () => {
  expect(refusal({ ATTACHMENTS: 'elsewhere', MONGODB_MIN_POOL_SIZE: 'MONGODB_MIN_POOL_SIZE' })).toContain(
    'ATTACHMENTS: must be files or inline',
  );
});
