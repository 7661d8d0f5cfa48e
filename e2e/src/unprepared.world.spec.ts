import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { administer, startAlone } from './deployment.ts';

/** Services on engines that nobody has prepared for them. */
const folder = mkdtempSync(join(tmpdir(), 'provider-access-unprepared-'));
const options = { dataDir: join(folder, 'data') };
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a service without its topics ends with 1 and names what creates them', async () => {
  await expect(startAlone(options, 'auth')).rejects.toThrow(/ended at its start \(1\): .*KAFKA_TOPIC_PREFIX: .*pa\.registry.*`pa topics apply`/s);
});

test('a service without its indexes ends with 1 and names what creates them', async () => {
  await administer(options, 'topics', 'apply');
  await expect(startAlone(options, 'resources')).rejects.toThrow(/ended at its start \(1\): .*`pa views apply`/s);
});
