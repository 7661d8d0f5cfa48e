import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signingKeysIn } from '@provider-access/process/testing';
import { PA_ATTESTATIONS, textOf } from '@provider-access/events';
import { fixedSecret, type Secret, type SigningKeys } from '@provider-access/smart';
import { Driver, type Operation } from '@provider-access/testing/promises';
import { variant } from '@provider-access/testing/variant';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { MemoryWorld } from './model/memory-world.ts';
import { runSequences } from './model/run.ts';
import { FOUND, WRITTEN, WRITTEN_ABOUT_EXPORTS, WRITTEN_ABOUT_MATCHES, WRITTEN_WITH_NOTICES } from './model/written.ts';

/** The suite `model` runs them for a quarter of an hour. */
const SEQUENCES = 15;
const ATTESTED = 'pa.member-attested.v1';
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
  const world = await MemoryWorld.start(keys, { holdsUntilNotice: true });
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

/**
 * Sequences in which a process of export dies at a change of a store while it takes a request for a match, writes its
 * chunk or seals it. The other process, or the next one, goes on. Nobody knows which of the two takes a step, so each
 * of them dies.
 */
const DEATHS = variant.long
  ? Array.from({ length: 30 }, (_, changes) =>
      (['before', 'half', 'after'] as const).flatMap((side) => [0, 1].map((instance) => ({ changes, side, instance }))),
    ).flat()
  : [3, 9, 16].map((changes) => ({ changes, side: 'after' as const, instance: changes % 2 }));
describe('a match of which a process dies matches whom it must, once, and nobody else', () => {
  let world: MemoryWorld;
  beforeAll(async () => {
    world = await MemoryWorld.start(keys);
  });
  afterAll(() => world?.stop());

  test.each(DEATHS)('M2: process $instance dies $side change $changes', async ({ changes, side, instance }) => {
    await run(world, `dies ${side} ${changes}`, [
      { op: 'opt-out', member: 2, source: 1, ago: 0, day: false, via: 0, post: true, target: 'all' },
      { op: 'kill', module: 'export', instance, changes, side },
      { op: 'attest', client: 1, members: [1, 2], via: 0 },
      { op: 'settle' },
    ]);
    const events = world.recorded(PA_ATTESTATIONS).filter(({ headers }) => headers['ce_type'] === ATTESTED);
    // A step that is repeated repeats its event.
    const attested = [...new Map(events.map(({ headers, value }) => [headers['ce_id'], textOf({ value })])).values()]
      .map((text) => JSON.parse(text) as { group: string; member: string })
      .filter(({ member }) => member.startsWith(`written-${sequences}-`))
      .map(({ group, member }) => `${group} ${member}`);
    // A request whose answer was lost was sent again. Each of the jobs attests the member once.
    expect(attested.length).toBeGreaterThanOrEqual(1);
    expect(attested.length).toBe(new Set(attested).size);
    expect(attested.every((one) => one.endsWith('-m1'))).toBe(true);
  });
});

let sequences = 0;
const run = (world: MemoryWorld, what: string, sequence: readonly Operation[]): Promise<void> =>
  new Driver(world, `written-${(sequences += 1)}`).run(sequence).catch((error: unknown) => {
    throw new Error(what, { cause: error });
  });
