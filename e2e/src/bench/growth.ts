import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { itemOf, startPlatform, type PlatformProcess } from '@provider-access/cli';
import { syntheticPayer, type SyntheticPayer } from '@provider-access/synthetic';
import { publishItems, viewsCaughtUp } from '../road.ts';
import { AS_OF } from './measures.ts';
import { cpuOf } from './processes.ts';
import { compare, type Comparison } from './rounds.ts';
import { note } from './rows.ts';

export interface GrowthBench {
  /** Members of the large store. */
  readonly members: number;
  readonly rounds: number;
}
/** Members of the small store. */
const SMALL = 200;
/** Members whose events both stores take in a round. */
const OF_A_ROUND = 10;
/** How long the views of a round take at most, ms. They follow intake by less than half a second. */
const VIEWS_MS = 2000;
/** Events of one load, so that no more are in memory. */
const AT_ONCE = 20_000;

const numbered = (from: number, to: number): SyntheticPayer =>
  syntheticPayer({ seed: 'bench', members: Array.from({ length: to - from }, (_, i) => from + i), asOf: AS_OF });

/** What an event costs in a large store, beside a small one of the same build. Both take the same further members. */
export async function benchGrowth({ members, rounds }: GrowthBench): Promise<Comparison[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-growth-'));
  const platforms: PlatformProcess[] = [];
  const start = async (name: string, size: number): Promise<{ platform: PlatformProcess; cpu: () => number }> => {
    const platform = await startPlatform({ dataDir: join(scratch, name) });
    platforms.push(platform);
    await fill(platform, size);
    return { platform, cpu: () => cpuOf(platform.pid) };
  };
  try {
    const large = await start('large', members);
    const small = await start('small', SMALL);
    const figure = await compare(
      `intake, an event: ${members} members and ${SMALL}`,
      [large, small],
      rounds,
      async ({ platform }, round) => {
        const next = members + 1 + round * OF_A_ROUND;
        const items = [...numbered(next, next + OF_A_ROUND).membersEvents()].map(itemOf);
        const { accepted } = await publishItems(platform, items);
        // Views are asked for the number of their documents too, and to count those is work that grows with the store.
        await pause(VIEWS_MS);
        return accepted;
      },
    );
    return [figure];
  } finally {
    for (const platform of platforms) await platform.kill();
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function fill(platform: PlatformProcess, members: number): Promise<void> {
  note(`a store of ${members} members`);
  let items: ReturnType<typeof itemOf>[] = [];
  const publish = async (): Promise<void> => {
    await publishItems(platform, items);
    items = [];
  };
  for (const event of numbered(1, members + 1).events()) {
    items.push(itemOf(event));
    if (items.length === AT_ONCE) await publish();
  }
  await publish();
  await viewsCaughtUp(platform, 3_600_000);
}
