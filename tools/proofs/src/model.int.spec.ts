import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret, type Secret, type SigningKeys } from '@provider-access/smart';
import { Driver, type Operation } from '@provider-access/testing/promises';
import { variant } from '@provider-access/testing/variant';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryWorld } from './model/memory-world.ts';
import { runSequences } from './model/run.ts';
import { FOUND, WRITTEN, WRITTEN_ABOUT_EXPORTS, WRITTEN_ABOUT_MATCHES, WRITTEN_WITH_NOTICES } from './model/written.ts';

const SEQUENCES = 60;
let folder: string;
let keys: Secret<SigningKeys>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'model-'));
  keys = fixedSecret(await signingKeysIn(join(folder, 'keys.json')));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test(`${SEQUENCES} random sequences keep the promises (seed ${variant.seed})`, async () => {
  const before = process.cpuUsage();
  expect(await runSequences({ keys, seed: variant.seed, goOn: (number) => number < SEQUENCES })).toBe(SEQUENCES);
  const { user, system } = process.cpuUsage(before);
  console.info(`${SEQUENCES} sequences: ${((user + system) / 1e6).toFixed(1)} CPU-seconds`);
}, 1_200_000);

test('sequences by hand about notices keep the promises', async () => {
  const world = await MemoryWorld.start(keys, true);
  try {
    for (const [what, sequence] of Object.entries(WRITTEN_WITH_NOTICES)) await run(world, what, sequence);
  } finally {
    await world.stop();
  }
});

describe('a sequence by hand keeps the promises', () => {
  let world: MemoryWorld;
  beforeAll(async () => {
    world = await MemoryWorld.start(keys);
  });
  afterAll(() => world?.stop());

  test.each(Object.entries({ ...WRITTEN, ...WRITTEN_ABOUT_EXPORTS, ...WRITTEN_ABOUT_MATCHES, ...FOUND }))(
    '%s',
    (what, sequence) => run(world, what, sequence),
  );

  test('a process that dies within a rebuild, at a step of it, holds up the view until its lease ends', async () => {
    for (const changes of variant.long ? [0, 1, 2, 3, 4, 5, 6, 7] : [1, 4, 6])
      await run(world, `dies ${changes}`, [
        { op: 'kill', module: 'attribution', instance: 1, changes, side: 'after' },
        { op: 'rebuild', view: 'members', back: false, via: 1 },
        { op: 'opt-out', member: 0, source: 1, ago: 0, day: false, via: 0, post: true, target: 'all' },
        { op: 'settle' },
      ]);
  });
});

let sequences = 0;
const run = (world: MemoryWorld, what: string, sequence: readonly Operation[]): Promise<void> =>
  new Driver(world, `written-${(sequences += 1)}`).run(sequence).catch((error: unknown) => {
    throw new Error(what, { cause: error });
  });
