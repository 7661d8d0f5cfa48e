import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixedSecret, type Secret, SigningKeys } from '@provider-access/smart';
import { variant } from '@provider-access/testing/variant';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runSequences } from './model/run.ts';

const SEQUENCES = 100;
let folder: string;
let keys: Secret<SigningKeys>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'model-'));
  keys = fixedSecret(await SigningKeys.open(join(folder, 'keys.json')));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test(`${SEQUENCES} random sequences keep the promises (seed ${variant.seed})`, async () => {
  const before = process.cpuUsage();
  expect(await runSequences({ keys, seed: variant.seed, goOn: (done) => done < SEQUENCES })).toBe(SEQUENCES);
  const { user, system } = process.cpuUsage(before);
  console.info(`${SEQUENCES} sequences: ${((user + system) / 1e6).toFixed(1)} CPU-seconds`);
}, 1_200_000);
