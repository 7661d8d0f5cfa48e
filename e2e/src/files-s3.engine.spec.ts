import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { bulkExport, Server, type BulkResult } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { sharedS3 } from '@provider-access/testing';
import { startDeployment, type Deployment } from './deployment.ts';
import { publishAll, registerApp, type TestApp } from './harness.ts';
import { complete, progressOf } from './interrupted.ts';
import { AS_OF, findGroup, http, optOut, tell } from './road.ts';

/** Instances of export that share nothing but a bucket. */
const payer = syntheticPayer({ seed: 's3', members: 12, asOf: AS_OF });
const organization = payer.providerOrganizations.map((o) => ({ ...o, visible: [...payer.ledger.visibleMembers(o.npi)] })).sort((a, b) => b.visible.length - a.visible.length)[0]!;
const folder = mkdtempSync(join(tmpdir(), 'provider-access-s3-'));
let platform: Deployment;
let app: TestApp;

beforeAll(async () => {
  const s3 = await sharedS3();
  platform = await startDeployment({
    dataDir: join(folder, 'data'), instances: { export: 2 },
    env: {
      FILES: 's3', FILES_DIR: '', S3_BUCKET: s3.bucket, S3_ENDPOINT: s3.endpoint, S3_REGION: 'us-east-1', S3_PATH_STYLE: 'true', S3_PREFIX: `e2e-${Date.now()}`, AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
      EXPORT_CHUNK_MEMBERS: '1', EXPORT_LEASE_SECONDS: '2', EXPORT_POLLS_PER_MINUTE: '1000000',
    },
  });
  await publishAll(platform, payer.events());
  app = await registerApp(platform, { name: 'Bucket', npi: organization.npi, tin: organization.tin });
});
afterAll(async () => {
  await platform?.kill();
  rmSync(folder, { recursive: true, force: true });
});

const run = async (name: string, onAccepted: (status: string) => void = () => undefined): Promise<BulkResult> => {
  const group = await findGroup(platform, await app.tokens.get(), organization.npi);
  return bulkExport({ server: new Server(platform.base), token: () => app.tokens.get(), group: group.id, out: join(folder, name), onAccepted });
};

test('an export is written by one, sealed by another and downloaded from any, though one is killed in the middle', async () => {
  let killing: Promise<void> | undefined;
  const result = await vi.waitFor(() => run('killed', (status) => {
    killing ??= (async () => {
      const token = await app.tokens.get();
      await vi.waitFor(async () => {
        const progress = await progressOf(status, token);
        expect(progress === 'sealed' || (progress?.written ?? 0) > 0).toBe(true);
      }, { timeout: 60_000, interval: 10 });
      await platform.replace(platform.processes().find((p) => p.service === 'export')!);
    })();
  }), { timeout: 120_000, interval: 1000 });
  await killing;
  await complete(result, payer, organization.npi, new Set());
  expect(readdirSync(join(folder, 'data/files'))).toEqual([]);
});

test('ranges, and a member who opts out of files that are written', async () => {
  const token = await app.tokens.get();
  const { manifest } = await run('ranged');
  const file = manifest.output.find((f) => f.type === 'Patient')!.url;
  const whole = await http(file, { token, headers: { 'accept-encoding': 'identity' } });
  const part = await http(file, { token, headers: { 'accept-encoding': 'identity', range: 'bytes=10-99', 'if-range': whole.headers['etag']! } });
  expect([part.status, part.body.equals(whole.body.subarray(10, 100))]).toEqual([206, true]);
  const leaver = organization.visible[0]!.member;
  expect((await tell(platform, optOut(leaver))).status).toBe('effective');
  for (const { url } of manifest.output) {
    const answer = await http(url, { token });
    // A file of nobody else is gone.
    expect([200, 404, 410]).toContain(answer.status);
    expect(answer.body.toString('utf8')).not.toContain(`Patient/${leaver}`);
  }
});
