import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret } from '@provider-access/smart';
import { variant } from '@provider-access/testing/variant';
import { expect, test } from 'vitest';
import { runSequences } from './model/run.ts';

const MINUTES = 15;

test(`random sequences keep the promises for ${MINUTES} minutes (seed ${variant.seed})`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'model-'));
  try {
    const keys = fixedSecret(await signingKeysIn(join(folder, 'keys.json')));
    const end = performance.now() + MINUTES * 60_000;
    const done = await runSequences({ keys, seed: variant.seed * 1000, goOn: () => performance.now() < end });
    console.info(`${done} sequences from seed ${variant.seed * 1000} on`);
    expect(done).toBeGreaterThan(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
