import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bulkExport, Server, type BulkResult, type PlatformProcess } from '@provider-access/cli';
import { eventually, sharedS3 } from '@provider-access/testing';
import { s3Files, type Deployment } from './deployment.ts';
import { freshPlatform, instancesOf, registerApp, SHARED, type Fresh, type TestApp } from './harness.ts';
import { complete, progressOf } from './interrupted.ts';
import { largest } from './payers.ts';
import { findGroup, http, optIn, optOut, takesEffect } from './road.ts';
import { LIMITS, sharedPayer } from './world/context.ts';

/** Processes of export that share only a bucket. */
const payer = sharedPayer();
const organization = largest(payer);
let fresh: Fresh;
let platform: PlatformProcess;
let app: TestApp;

beforeAll(async () => {
  // The shared world has its files in a bucket.
  const own = SHARED === undefined && {
    ...s3Files(await sharedS3()),
    EXPORT_CHUNK_MEMBERS: '1',
    EXPORT_LEASE_SECONDS: '2',
  };
  fresh = await freshPlatform({ env: { ...LIMITS, ...own }, shared: payer });
  platform = fresh.platform();
  app = await registerApp(platform, { name: 'Bucket', npi: organization.npi, tin: organization.tin });
});
afterAll(() => fresh?.dispose());

const run = async (name: string, onAccepted: (status: string) => void = () => undefined): Promise<BulkResult> => {
  const group = await findGroup(platform, await app.tokens.get(), organization.npi);
  const options = { server: new Server(platform.base), token: () => app.tokens.get(), group: group.id };
  return bulkExport({ ...options, out: join(fresh.folder, name), onAccepted });
};
const noFiles = (): void => expect(readdirSync(join(platform.dataDir, 'files'))).toEqual([]);

test('an export is complete, and each process gives the same bytes of each file, whichever wrote it', async () => {
  const result = await run('whole');
  await complete(result, payer, organization.npi, new Set());
  noFiles();
  const token = await app.tokens.get();
  const processes = instancesOf(platform, 'export');
  expect(processes.length).toBeGreaterThan(1);
  for (const { url } of result.manifest.output) {
    const [one, ...others] = await Promise.all(
      processes.map((base) => http(base + url.slice(platform.base.length), { token })),
    );
    expect(one!.status).toBe(200);
    for (const { status, headers, body } of others) {
      expect([status, headers.etag, body.equals(one!.body)]).toEqual([200, one!.headers.etag, true]);
    }
  }
});

test('ranges, and a member who opts out of files that are written', async () => {
  const token = await app.tokens.get();
  const { manifest } = await run('ranged');
  const file = manifest.output.find((f) => f.type === 'Patient')!.url;
  const whole = await http(file, { token, headers: { 'accept-encoding': 'identity' } });
  const part = await http(file, {
    token,
    headers: { 'accept-encoding': 'identity', range: 'bytes=10-99', 'if-range': whole.headers['etag']! },
  });
  expect([part.status, part.body.equals(whole.body.subarray(10, 100))]).toEqual([206, true]);
  const leaver = organization.visible[0]!.member;
  await takesEffect(platform, optOut(leaver));
  for (const { url } of manifest.output) {
    const answer = await http(url, { token });
    // No other file was removed.
    expect([200, 404, 410]).toContain(answer.status);
    expect(answer.body.toString('utf8')).not.toContain(`Patient/${leaver}`);
  }
  await takesEffect(platform, optIn(leaver));
});

const where = '(not in the shared world: in the suite `processes`)';
test.skipIf(SHARED !== undefined)(
  `an export is complete though the process that writes it is killed in the middle ${where}`,
  async () => {
    let killing: Promise<void> | undefined;
    const result = await eventually(
      () =>
        run('killed', (status) => {
          killing ??= (async () => {
            const token = await app.tokens.get();
            await eventually(
              async () => {
                const progress = await progressOf(status, token);
                return progress === 'sealed' || (progress?.written ?? 0) > 0;
              },
              { interval: 10 },
            );
            const deployment = platform as Deployment;
            await deployment.replace(deployment.processes().find((p) => p.service === 'export')!);
          })();
        }),
      { timeout: 240_000, interval: 1000 },
    );
    await killing;
    await complete(result, payer, organization.npi, new Set());
    noFiles();
  },
);
