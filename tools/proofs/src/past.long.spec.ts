import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret } from '@provider-access/smart';
import { variant } from '@provider-access/testing/variant';
import { expect, test } from 'vitest';
import { explainServed, figuresOf } from './model/past.ts';

/** As many sequences as 10,000 decisions take (docs/explain.md). */
const SEQUENCES = 120;
const DECISIONS = 10_000;
const CHANGED_LATER = 1_000;

test(`P11: explains ${DECISIONS} decisions as they were served (seed ${variant.seed})`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'past-'));
  try {
    const keys = fixedSecret(await signingKeysIn(join(folder, 'keys.json')));
    const found = await explainServed(keys, variant.seed, SEQUENCES);
    console.info(figuresOf(found));
    expect(found.differ.slice(0, 3)).toEqual([]);
    expect(found.decisions).toBeGreaterThanOrEqual(DECISIONS);
    expect(found.changedLater).toBeGreaterThanOrEqual(CHANGED_LATER);
    expect(found.sameTime).toBeLessThan(found.decisions / 20);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 3_600_000);
