import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesEnv, kafkaEnv, mongoEnv, readConfig } from '@provider-access/service/config';
import { Metrics, silentLogger } from '@provider-access/service/observability';
import { z } from 'zod';
import { engineFaults, ENGINES, type Engines, openEngines } from './open-engines.ts';

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

test('a service of its own has Kafka and MongoDB, and their faults are named', () => {
  expect(opened(undefined).names).toEqual({ log: 'kafka', views: 'mongodb', state: 'mongodb' });
  const config = readConfig(z.object({ ...kafkaEnv, ...mongoEnv }), { KAFKA_BROKERS: engines.KAFKA_BROKERS });
  expect(engineFaults(config)).toEqual(['MONGODB_URI: must be set, or MONGODB_URI_FILE']);
  expect(engineFaults({ DATA_DIR: tmpdir() })).toEqual([]);
});

test('a data folder has every port, and its files keep the room that the rest needs', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'engines-'));
  try {
    const engines = openEngines('standalone', { DATA_DIR: folder, MIN_FREE_BYTES: 1 }, undefined, silentLogger);
    expect(engines.names).toEqual({ log: 'embedded', views: 'embedded', state: 'embedded' });
    const log = await engines.log();
    const [views, state] = [await engines.views(), await engines.state(log)];
    await ENGINES.embedded.probe({ log, state });
    await (await engines.blobs!()).put('a/b', 'text');
    expect(await engines.room!.check.check()).toEqual({ ready: true });
    await state.close();
    await views.close();
    await log.close();
  } finally {
    rmSync(folder, { recursive: true });
  }
});
