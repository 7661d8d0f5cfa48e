import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itemOf, startPlatform, type PlatformProcess } from '@provider-access/cli';
import { syntheticPayer, type ProviderOrganization, type SyntheticPayer } from '@provider-access/synthetic';
import { startEngines } from '@provider-access/testing';
import { buildOf } from '../base-build.ts';
import { startDeployment } from '../deployment.ts';
import { largest } from '../payers.ts';
import { kickOff, open, publishItems, sealed, texts, viewsCaughtUp, type TestApp } from '../road.ts';
import { load } from './load.ts';
import { AS_OF, appOf } from './measures.ts';
import { cpuOf, engineProcesses } from './processes.ts';
import { note } from './rows.ts';
import { compare, type Comparison, type Side } from './rounds.ts';

/** The commit that every later build is compared with, so that small steps add up in sight. */
const BASELINE = '7407a45edc240515fa9b44702b34b8fba864dbdb';
/** Polls as soon as each answer arrives, without a limit that the figures would show. */
const ENV = { EXPORT_POLLS_PER_MINUTE: '100000' };

export interface BuildsBench {
  /** Folder of another build, or the id of a commit: it is built once, in the cache folder. */
  readonly against: string;
  /** The Node of this process for both builds. Otherwise each has the one that its own `npm ci` brought. */
  readonly sameNode: boolean;
  readonly members: number;
  readonly seconds: number;
  readonly rounds: number;
}
interface Build extends Side {
  readonly platform: PlatformProcess;
}
interface Served extends Build {
  readonly app: TestApp;
  readonly group: string;
}

/** @param against a folder, a full id of a commit, or `baseline` */
export const folderOf = (against: string): string | Promise<string> =>
  existsSync(against) ? against : buildOf(against === 'baseline' ? BASELINE : against, note);

/**
 * Half of the events warm up: V8 compiles for some ten thousand events, which a process does once. A round is long,
 * because its end waits for views that wait for more records.
 */
function intake<B extends Build>(payer: SyntheticPayer, rounds: number): (build: B, round: number) => Promise<number> {
  const items = [...payer.events()].map(itemOf);
  const half = Math.ceil(items.length / 2);
  const part = Math.ceil((items.length - half) / rounds);
  return async ({ platform }, round) => {
    const next = half + round * part;
    const { accepted } = await publishItems(platform, items.slice(round === 0 ? 0 : next - part, next));
    await viewsCaughtUp(platform);
    return accepted;
  };
}

/**
 * Compares what an event, a read, a page, a count and an export cost in this build and in another one. Both run side by
 * side in one process each.
 */
export async function benchBuilds({ against, sameNode, members, seconds, rounds }: BuildsBench): Promise<Comparison[]> {
  const other = join(await folderOf(against), 'services/standalone/dist/main.js');
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-bench-'));
  const started: PlatformProcess[] = [];
  const start = async (name: string, more: { main?: string }): Promise<Build> => {
    const platform = await startPlatform({ dataDir: join(scratch, name), env: ENV, ...nodeFor(sameNode), ...more });
    started.push(platform);
    return { platform, cpu: () => cpuOf(platform.pid) };
  };
  try {
    const payer = syntheticPayer({ seed: 'bench', members, asOf: AS_OF });
    const builds = [await start('this', {}), await start('other', { main: other })] as const;
    const taken = await compare('intake, an event', builds, rounds, intake(payer, rounds));
    const provider = largest(payer);
    const both = [await servedBy(builds[0], provider), await servedBy(builds[1], provider)] as const;
    const figures = [taken];
    for (const requests of requestsOf(await linesOf(both[0])))
      try {
        figures.push(await compareRequests(requests, both, { rounds, seconds }));
      } catch (error) {
        // An old build may refuse a request.
        note(`${requests.what}: ${(error as Error).message}`);
      }
    for (const encoding of ['identity', 'gzip'])
      figures.push(
        await compare(
          `export and ${encoding === 'gzip' ? encoding : 'plain'} download, a resource`,
          both,
          rounds,
          (side) => exported(side, encoding),
        ),
      );
    return figures;
  } finally {
    for (const platform of started) await platform.kill();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/**
 * The same for intake, a read and a page on Kafka and a MongoDB-compatible server: CPU of the five services and of both
 * engines. Each build has engines of its own. On common ones each build would pay for what the engines do for the idle
 * services of the other build.
 */
export async function benchBuildsOnEngines({
  against,
  sameNode,
  members,
  seconds,
  rounds,
}: BuildsBench): Promise<Comparison[]> {
  const other = await folderOf(against);
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-bench-'));
  const started: { stop(): Promise<unknown> }[] = [];
  const start = async (name: string, more: { build?: string }): Promise<Build> => {
    const engines = await startEngines({ progress: note });
    started.unshift(engines);
    const { KAFKA_BROKERS, MONGODB_URI } = engines.env as { KAFKA_BROKERS: string; MONGODB_URI: string };
    const deployment = await startDeployment({
      dataDir: join(scratch, name),
      env: { KAFKA_BROKERS, MONGODB_URI, ...ENV },
      ...nodeFor(sameNode),
      ...more,
    });
    started.unshift(deployment);
    const pids = [
      ...deployment.processes().map(({ child }) => child.pid!),
      ...engineProcesses(engines.pids).map(({ pid }) => pid),
    ];
    return { platform: deployment, cpu: () => pids.reduce((sum, pid) => sum + cpuOf(pid), 0) };
  };
  try {
    const payer = syntheticPayer({ seed: 'bench', members, asOf: AS_OF });
    const builds = [await start('this', {}), await start('other', { build: other })] as const;
    const figures = [await compare('intake on engines, an event', builds, rounds, intake(payer, rounds))];
    const provider = largest(payer);
    const both = [await servedBy(builds[0], provider), await servedBy(builds[1], provider)] as const;
    for (const requests of requestsOf(await linesOf(both[0])).filter(({ onEngines }) => onEngines))
      figures.push(await compareRequests(requests, both, { rounds, seconds }));
    return figures;
  } finally {
    for (const each of started) await each.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

const nodeFor = (same: boolean): { node?: string } => (same ? { node: process.execPath } : {});

const servedBy = async (build: Build, provider: ProviderOrganization): Promise<Served> => ({
  ...build,
  ...(await appOf(build.platform, provider)),
});

const compareRequests = (
  { what, targets, connections }: Requests,
  both: readonly [Served, Served],
  { rounds, seconds }: Pick<BuildsBench, 'rounds' | 'seconds'>,
): Promise<Comparison> =>
  compare(what, both, rounds, async ({ platform, app }) => {
    const token = await app.tokens.get();
    return (await load({ base: platform.base, targets, token, connections, seconds })).requests;
  });

interface Requests {
  readonly what: string;
  /** True if it is compared on Kafka and MongoDB too. */
  readonly onEngines: boolean;
  readonly targets: readonly string[];
  readonly connections: number;
}
/** How many of the largest Provenances are read. */
const LARGEST = 20;

/** What to ask of the resources of an export. @param lines NDJSON by type */
function requestsOf(lines: ReadonlyMap<string, string>): Requests[] {
  const all = (type: string): Resource[] =>
    (lines.get(type) ?? '')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Resource);
  const patients = all('Patient').map(({ id }) => id);
  const provenances = all('Provenance')
    .toSorted((a, b) => (b.target?.length ?? 0) - (a.target?.length ?? 0))
    .slice(0, LARGEST);
  const counts = new Map<string, number>();
  for (const { code } of all('Observation'))
    for (const { system, code: value } of code?.coding ?? []) {
      const token = `${system ?? ''}|${value ?? ''}`;
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
  const [frequent = ''] = [...counts].toSorted(([, a], [, b]) => b - a).map(([token]) => token);
  const searches = patients.map((id) => `/fhir/Observation?patient=${id}`);
  const byCode = searches.map((search) => `${search}&code=${encodeURIComponent(frequent)}`);
  return [
    {
      what: 'a read of a Patient',
      targets: patients.map((id) => `/fhir/Patient/${id}`),
      connections: 32,
      onEngines: true,
    },
    {
      what: `a read of a Provenance with ${provenances.at(-1)?.target?.length ?? 0} targets or more`,
      targets: provenances.map(({ id }) => `/fhir/Provenance/${id}`),
      connections: 32,
      onEngines: false,
    },
    {
      what: 'a page of 50',
      targets: searches.map((search) => `${search}&_count=50`),
      connections: 16,
      onEngines: true,
    },
    { what: 'a search by code', targets: byCode, connections: 16, onEngines: false },
    {
      what: 'a count by code',
      targets: byCode.map((search) => `${search}&_summary=count`),
      connections: 16,
      onEngines: false,
    },
  ];
}
interface Resource {
  readonly id: string;
  readonly target?: readonly unknown[];
  readonly code?: { readonly coding?: readonly { readonly system?: string; readonly code?: string }[] };
}

const manifestOf = async ({ platform, app, group }: Served): ReturnType<typeof sealed> => {
  const token = await app.tokens.get();
  return sealed(await kickOff(platform, token, group), token);
};
const linesOf = async (side: Served): Promise<Map<string, string>> =>
  texts(await manifestOf(side), await side.app.tokens.get());

/** A whole export with all its files, whose bytes are dropped. @returns its number of resources */
async function exported(side: Served, encoding: string): Promise<number> {
  const { output } = await manifestOf(side);
  const token = await side.app.tokens.get();
  for (const { url } of output) {
    const response = await open(url, { token, headers: { 'accept-encoding': encoding } });
    if (response.statusCode !== 200) throw new Error(`a file was answered ${response.statusCode}`);
    for await (const _ of response);
  }
  return output.reduce((sum, { count }) => sum + (count ?? 0), 0);
}
