import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret, type Secret, type SigningKeys } from '@provider-access/smart';
import { Driver } from '@provider-access/testing/promises';
import { variant } from '@provider-access/testing/variant';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MemoryWorld } from './model/memory-world.ts';
import { runSequences } from './model/run.ts';
import { WRITTEN, WRITTEN_WITH_NOTICES } from './model/written.ts';

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

test.each([
  ['lines, files and recalls', false, WRITTEN],
  ['notices', true, WRITTEN_WITH_NOTICES],
] as const)('sequences by hand about %s keep the promises', async (_what, holdsUntilNotice, written) => {
  const world = await MemoryWorld.start(keys, holdsUntilNotice);
  try {
    for (const [n, [what, sequence]] of Object.entries(written).entries())
      await new Driver(world, `written-${n}`).run(sequence).catch((error: unknown) => {
        throw new Error(what, { cause: error });
      });
  } finally {
    await world.stop();
  }
});

test('an opt-in after a corrected opt-out shows the member at once (sequence 496712160)', async () => {
  const world = await MemoryWorld.start(keys);
  try {
    await new Driver(world, 'corrected').run([
      { op: 'fault', how: 'an opt-out of the future', member: 0, other: 0, via: 1 },
      { op: 'settle' },
      { op: 'time passes', minutes: 4 },
      { op: 'resolve', which: 0, how: 'correct', via: 0 },
      { op: 'opt-in', member: 0, source: 0, ago: 0, day: false, via: 1, post: true },
    ]);
  } finally {
    await world.stop();
  }
});

test('an opt-out for which a scheduled one stands is answered with that one (sequence 379726102)', async () => {
  const world = await MemoryWorld.start(keys);
  const stated = { member: 0, day: false, via: 1, post: true } as const;
  try {
    await new Driver(world, 'stands').run([
      {
        op: 'lines',
        statements: [
          { ...stated, op: 'consent', source: 1, ago: 1, from: 20, target: 'all', content: 'deny' },
          { ...stated, op: 'opt-in', source: 1, ago: 3, from: 900, day: true, post: false },
          { ...stated, op: 'opt-out', source: 0, ago: 10, from: 900, target: 'B by NPI' },
        ],
        junk: false,
        via: 0,
      },
    ]);
  } finally {
    await world.stop();
  }
});

test('a process that dies within a rebuild, at a step of it, holds up the view until its lease ends', async () => {
  const world = await MemoryWorld.start(keys);
  try {
    for (const changes of variant.long ? [0, 1, 2, 3, 4, 5, 6, 7] : [1, 4, 6])
      await new Driver(world, `dies-${changes}`).run([
        { op: 'kill', module: 'attribution', instance: 1, changes, side: 'after' },
        { op: 'rebuild', view: 'members', back: false, via: 1 },
        { op: 'opt-out', member: 0, source: 1, ago: 0, day: false, via: 0, post: true, target: 'all' },
        { op: 'settle' },
      ]);
  } finally {
    await world.stop();
  }
});

test('N10 an opt-in by NPI has no effect while an opt-out by TIN bars the practice (sequence 90417014)', async () => {
  const world = await MemoryWorld.start(keys);
  const stated = { member: 0, source: 0, ago: 0, day: false, via: 0, post: true } as const;
  try {
    await new Driver(world, 'untrue').run([
      { ...stated, op: 'opt-out', target: 'A by TIN' },
      { op: 'settle' },
      { ...stated, op: 'opt-in', target: 'A by NPI' },
    ]);
  } finally {
    await world.stop();
  }
});
