import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { eventually } from '@provider-access/testing';
import { administer, startAlone } from './deployment.ts';

/** Services on engines without their topics and indexes. */
const folder = mkdtempSync(join(tmpdir(), 'provider-access-unprepared-'));
const options = { dataDir: join(folder, 'data') };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a service without its topics ends with 1 and names what creates them', async () => {
  const { ended, output } = startAlone(options, 'auth');
  expect(await ended, output.join('\n')).toBe(1);
  expect(output.at(-1)).toMatch(/KAFKA_TOPIC_PREFIX: .*pa\.registry.*`pa topics apply`/);
});

test('a service without its indexes ends with 1 and names what creates them', async () => {
  await administer(options, 'topics', 'apply');
  const { ended, output } = startAlone(options, 'resources');
  expect(await ended, output.join('\n')).toBe(1);
  expect(output.at(-1)).toMatch(/`pa views apply`/);
});

// docs/adr/0035-export-is-routed.md: for one release the variable is no error.
test('attribution warns that it ignores EXPORT_URL, and serves', async () => {
  await administer(options, 'views', 'apply');
  const { ended, output, signal } = startAlone(
    { ...options, env: { EXPORT_URL: 'http://127.0.0.1:3004' } },
    'attribution',
  );
  await eventually(() => expect(output.join('\n')).toContain('EXPORT_URL is ignored'));
  await eventually(() => expect(output.join('\n')).toContain('listening on'));
  signal('SIGTERM');
  expect(await ended, output.join('\n')).toBe(0);
});
