import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { filesEnv, kafkaEnv, mongoEnv, readConfig } from '@provider-access/service/config';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { z } from 'zod';
import { openEngines } from './open-engines.ts';
import type { Engines } from './start-service.ts';

const engines = { KAFKA_BROKERS: '127.0.0.1:9', MONGODB_URI: 'mongodb://127.0.0.1:9', MONGODB_DATABASE: 'test' };
function opened(files: Record<string, string> | undefined): Engines {
  const config = readConfig(z.object({ ...kafkaEnv, ...mongoEnv }), engines);
  return openEngines('export', config, files && readConfig(z.object(filesEnv), files), silentLogger);
}

test('the disk under the files is measured where that is a disk of this machine', async () => {
  const metrics = new Metrics();
  opened({ FILES: 'fs', FILES_DIR: tmpdir() }).room!.measure(metrics);
  expect(await metrics.text()).toMatch(/^pa_disk_free_bytes\{folder="files"\} [1-9]/m);
  // The bytes that the file store keeps free: exports wait below them.
  expect(await metrics.text()).toContain(`pa_disk_kept_free_bytes{folder="files"} ${64 * 1024 * 1024}`);
});

test('nothing is measured for files in a bucket, nor for a service without files', () => {
  expect(opened({ FILES: 's3', S3_BUCKET: 'exports' }).room).toBeUndefined();
  expect(opened(undefined).room).toBeUndefined();
});
