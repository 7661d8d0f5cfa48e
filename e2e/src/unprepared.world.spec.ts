import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { deadLettersOf, Server } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { administer, environment, startAlone } from './deployment.ts';
import { openPayerLog } from './kafka/payer-log.ts';
import { payerEvent, tell } from './road.ts';

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

describe('the mark of a deployment (docs/adr/0038-sandbox.md)', () => {
  const sandbox = { dataDir: join(folder, 'sandbox'), env: { SANDBOX: 'true' } };

  test('a deployment that was started before does not start as a sandbox', async () => {
    const { ended, output } = startAlone({ ...options, env: { SANDBOX: 'true' } }, 'consent');
    expect(await ended, output.join('\n')).toBe(1);
    expect(output.at(-1)).toMatch(/SANDBOX: this deployment was created as a production deployment at /);
  });

  test('a sandbox takes no event of another payer, by HTTP or from Kafka, nor a start as production', async () => {
    await administer(sandbox, 'topics', 'apply');
    await administer(sandbox, 'views', 'apply');
    const resources = startAlone(sandbox, 'resources');
    const base = await eventually(() => {
      const found = /listening on (http:\S+)/.exec(resources.output.join('\n'))?.[1];
      expect(found).toBeDefined();
      return found!;
    });
    const token = readFileSync(join(sandbox.dataDir, 'payer.token'), 'utf8');
    const platform = { base, payerToken: token, administratorToken: '' };
    const event = (id: string, source: string) => ({
      ...payerEvent('payer.resource-recorded.v1', id, { resource: { resourceType: 'Patient', id } }),
      source,
    });
    await eventually(async () =>
      expect(await tell(platform, event('m-http', 'urn:a-payer'))).toMatchObject({
        status: 'refused',
        reason: 'not-from-the-sandbox',
      }),
    );
    const kafka = await openPayerLog(environment(sandbox, 'http://127.0.0.1'));
    await kafka.append(event('m-kafka', 'urn:a-payer'));
    await kafka.append(event('m-own', 'urn:provider-access:sandbox/claims'));
    await kafka.close();
    const letters = await eventually(async () => {
      const found = await deadLettersOf(new Server(base), token, 'open');
      expect(found).toHaveLength(1);
      return found;
    });
    expect(letters[0]).toMatchObject({ reason: 'not-from-the-sandbox', eventType: 'payer.resource-recorded.v1' });
    resources.signal('SIGTERM');
    await resources.ended;
    const { ended, output } = startAlone({ dataDir: sandbox.dataDir }, 'auth');
    expect(await ended, output.join('\n')).toBe(1);
    expect(output.at(-1)).toMatch(/SANDBOX: this deployment was created as a sandbox at /);
  });
});
