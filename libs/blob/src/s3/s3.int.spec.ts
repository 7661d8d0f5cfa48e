import { afterAll, beforeAll } from 'vitest';
import { randomUUID } from 'node:crypto';
import { startS3 } from '@provider-access/testing';
import type { S3 } from '@provider-access/testing';
import { blobsContract } from '../contract/index.ts';
import { openS3Blobs } from './index.ts';
import type { S3BlobOptions } from './index.ts';

let s3: S3;
beforeAll(async () => {
  s3 = await startS3();
});
afterAll(() => s3.stop());

const options = (): S3BlobOptions => ({ bucket: s3.bucket, prefix: `${randomUUID()}/`, endpoint: s3.endpoint, region: s3.region, forcePathStyle: true, credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey }, partBytes: 5 * 1024 * 1024 });

blobsContract('s3', async () => {
  const o = options();
  return { blobs: openS3Blobs(o), reopen: async () => openS3Blobs(o), dispose: async () => {} };
});
