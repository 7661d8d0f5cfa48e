import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itemOf, startPlatform, type PlatformProcess } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { publishItems, registerApp, type TestApp } from '../road.ts';
import { load } from './load.ts';
import { AS_OF, viewsCaughtUp } from './measures.ts';
import { cpuOf } from './processes.ts';
import { median, note } from './rows.ts';

interface Build {
  readonly platform: PlatformProcess;
  readonly app: TestApp;
}
/** CPU of the platform's process, µs for each event or request. */
export interface BuildFigure {
  readonly what: string;
  readonly this: number;
  readonly other: number;
  /** Median of the rounds' ratios of this build to the other one. */
  readonly ratio: number;
  /** The lowest and the highest ratio of a round. */
  readonly range: readonly [number, number];
  /** Ratio of the lower quartiles. Other work on the machine only adds to a cost, so the cheap rounds tell most. */
  readonly quiet: number;
  /** Median of the rounds' ratios of events or requests a second. */
  readonly rate: number;
}

/**
 * Compares what events and requests cost in this build and in another one. Both run side by side and are loaded in turn
 * with the same bytes, so that each round is a pair.
 */
export async function benchBuilds(options: {
  /** Folder of the other build, e.g. a worktree of an earlier commit. */
  build: string;
  members: number;
  seconds: number;
  rounds: number;
}): Promise<BuildFigure[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-bench-'));
  const builds: Build[] = [];
  try {
    const payer = syntheticPayer({ seed: 'bench', members: options.members, asOf: AS_OF });
    const provider = payer.providerOrganizations[0]!;
    const items = [...payer.events()].map(itemOf);
    for (const [name, main] of [
      ['this', undefined],
      ['other', join(options.build, 'services/standalone/dist/main.js')],
    ] as const) {
      const platform = await startPlatform({ dataDir: join(scratch, name), ...(main !== undefined && { main }) });
      builds.push({ platform, app: await registerApp(platform, { ...provider, name: 'bench' }) });
    }

    /** The first round warms up. Each round begins with the other build. */
    const compare = async (
      what: string,
      act: (build: Build, round: number) => Promise<number>,
    ): Promise<BuildFigure> => {
      note(what);
      const rounds: number[][] = [];
      const rates: number[] = [];
      for (let round = 0; round <= options.rounds; round += 1) {
        const costs: number[] = [];
        const took: number[] = [];
        for (const i of round % 2 === 0 ? [0, 1] : [1, 0]) {
          const build = builds[i]!;
          const before = cpuOf(build.platform.pid);
          const start = performance.now();
          const count = await act(build, round);
          took[i] = (performance.now() - start) / count;
          costs[i] = ((cpuOf(build.platform.pid) - before) / count) * 1e6;
        }
        if (round === 0) continue;
        rounds.push(costs);
        rates.push(took[1]! / took[0]!);
      }
      const ratios = rounds.map(([a, b]) => a! / b!);
      return {
        what,
        this: median(rounds.map(([a]) => a!)),
        other: median(rounds.map(([, b]) => b!)),
        ratio: median(ratios),
        range: [Math.min(...ratios), Math.max(...ratios)],
        quiet: lowerQuartile(rounds.map(([a]) => a!)) / lowerQuartile(rounds.map(([, b]) => b!)),
        rate: median(rates),
      };
    };
    const requests =
      (targets: readonly string[], connections: number) =>
      async ({ platform, app }: Build): Promise<number> => {
        const token = await app.tokens.get();
        return (await load({ base: platform.base, targets, token, connections, seconds: options.seconds })).requests;
      };

    // Half of the events warm up: V8 compiles for some ten thousand events, which a process does once. A round is long,
    // because its end waits for views that wait for more records.
    const half = Math.ceil(items.length / 2);
    const part = Math.ceil((items.length - half) / options.rounds);
    const intake = await compare(`intake of ${items.length} events, an event`, async ({ platform }, round) => {
      const next = half + round * part;
      const { accepted } = await publishItems(platform, items.slice(round === 0 ? 0 : next - part, next));
      await viewsCaughtUp(platform);
      return accepted;
    });
    const members = [...payer.ledger.visibleMembers(provider.npi)].map(({ member }) => member);
    const pages = members.map((member) => `/fhir/Observation?patient=${member}&_count=50`);
    return [
      intake,
      await compare(
        'a single read',
        requests(
          members.map((member) => `/fhir/Patient/${member}`),
          32,
        ),
      ),
      await compare('a page of 50', requests(pages, 16)),
    ];
  } finally {
    for (const { platform } of builds) await platform.kill();
    rmSync(scratch, { recursive: true, force: true });
  }
}

const lowerQuartile = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 4)]!;

export function printBuilds(figures: readonly BuildFigure[]): void {
  console.log(
    'CPU µs of this build and of the other one, ratio of the rounds, their range, and of the cheap rounds; rate',
  );
  for (const { what, this: a, other, ratio, range, quiet, rate } of figures) {
    const ratios = [ratio.toFixed(2), range.map((r) => r.toFixed(2)).join('–'), quiet.toFixed(2), rate.toFixed(2)];
    const cells = [a.toFixed(0), other.toFixed(0), ...ratios];
    console.log(`${what.padEnd(36)}${cells.map((cell) => cell.padStart(12)).join('')}`);
  }
}
