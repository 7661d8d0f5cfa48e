import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
// eslint-disable-next-line no-restricted-syntax -- the pause is what is measured: the process has nothing to do
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { itemOf, type PlatformProcess, startPlatform } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { BUDGETS } from '@provider-access/testing/budgets';
import { tablesOf } from '../bench/embedded/tables.ts';
import { appOf } from '../bench/measures.ts';
import { largest, memberOf } from '../payers.ts';
import { AS_OF, http, json, kickOff, publishItems, sealed, viewsCaughtUp, type TestApp } from '../road.ts';
import { between, combined, counting, type Counts, each, MARK, writtenBy } from './counts.ts';
import { grouping } from './grouping.ts';
import { inRandomOrder } from './random-order.ts';

/** Requests of one kind, and how many a client has on the way, so that they share transactions of the audit. */
const REQUESTS = 200;
const AT_ONCE = 20;
/** So long the process has nothing to do before and after the requests. */
const IDLE_MS = 500;
const MEMBER = 'member-of-the-budgets';
const RESULTS = 500;
const TARGETS = 250;
/**
 * Events in random order. A view reads one partition of four at a time, so a commit has about 250 of them, as many as a
 * platform under load gets in the 100 ms that writes of views wait for others.
 */
const TOGETHER = 1_000;
/** So many groups come in the 3 s after which a platform copies its write-ahead logs. */
const COPY_EVERY = 8;
const folder = mkdtempSync(join(tmpdir(), 'budgets-'));
const dataDir = join(folder, 'data');
const { env, counts } = counting(join(folder, 'counts.json'));
let platform: PlatformProcess;
let app: TestApp;
let group: string;
let intake: Counts;
let received = 0;
let kept = 0;
let ofSearchKeys = 0;
let writtenInRandomOrder = 0;

const observation = (n: number): object => ({
  resourceType: 'Observation',
  id: `o${n}`,
  status: 'final',
  code: { coding: [{ system: 'http://loinc.org', code: '718-7' }] },
  subject: { reference: `Patient/${MEMBER}` },
  effectiveDateTime: '2024-05-01',
});
const provenance = (id: string, targets: number): object => ({
  resourceType: 'Provenance',
  id,
  target: Array.from({ length: targets }, (_, n) => ({ reference: `Observation/o${n}` })),
  recorded: '2024-05-01T00:00:00Z',
  agent: [{ who: { display: 'Clinic' } }],
});

/** The mark is in an element of the resource that no record keeps, so that only the bytes of the event have it. */
function marked(data: unknown): unknown {
  const { resource, ...rest } = data as { readonly resource?: { readonly meta?: object } };
  if (resource === undefined) return data;
  return { resource: { ...resource, meta: { ...resource.meta, source: `urn:example:${MARK}` } }, ...rest };
}

beforeAll(async () => {
  const payer = syntheticPayer({ seed: 'budgets', members: 30, asOf: AS_OF });
  const provider = largest(payer);
  const events = [...payer.events()].map((event) => ({ ...event, data: marked(event.data) }));
  const items = events.map(itemOf);
  received = items.reduce((sum, { line }) => sum + Buffer.byteLength(line), 0);
  platform = await startPlatform({ dataDir, env });
  const before = await counts(platform);
  await publishItems(platform, items);
  await viewsCaughtUp(platform);
  const all = between(before, await counts(platform));
  intake = { ...each(all, items.length), written: all.written / received };
  await platform.stop();
  kept = (await sizeOf(dataDir)) / received;
  const resources = items.filter(({ line }) => line.includes('"resourceType"')).length;
  const tables = tablesOf(dataDir, 'views.db').filter(({ what }) => what.includes('resources_search_'));
  ofSearchKeys = tables.reduce((sum, { bytes }) => sum + bytes, 0) / resources;

  const groups = grouping(join(folder, 'control'));
  const other = await startPlatform({ dataDir: join(folder, 'random'), env: groups.env });
  const start = writtenBy(other.pid);
  await groups.publish(other, inRandomOrder(events).map(itemOf), TOGETHER, COPY_EVERY);
  writtenInRandomOrder = (writtenBy(other.pid) - start) / received;
  await groups.release();
  await other.stop();

  platform = await startPlatform({ dataDir, env });
  const shared = [...Array.from({ length: RESULTS }, (_, n) => observation(n)), provenance('p1', 1)];
  const own = memberOf(
    MEMBER,
    { npi: provider.npi },
    ...[...shared, provenance('p250', TARGETS)].map((resource) => ({ resource })),
  );
  await publishItems(platform, own.map(itemOf));
  await viewsCaughtUp(platform);
  ({ app, group } = await appOf(platform, provider));
}, 300_000);
afterAll(async () => {
  await platform?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function sizeOf(path: string): Promise<number> {
  const names = await readdir(path, { recursive: true });
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(path, name))).size));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What one of `REQUESTS` equal requests costs, without what the process does by itself in the same time. */
async function costOf(path: string): Promise<Counts> {
  const token = await app.tokens.get();
  const ask = async (): Promise<void> => {
    const answers = Array.from({ length: AT_ONCE }, () => http(`${platform.base}/fhir/${path}`, { token }));
    for (const { status } of await Promise.all(answers)) expect(status).toBe(200);
  };
  await ask();
  await pause(IDLE_MS);
  const idle = await counts(platform);
  await pause(IDLE_MS);
  const before = await counts(platform);
  const start = performance.now();
  for (let n = 0; n < REQUESTS; n += AT_ONCE) await ask();
  await pause(IDLE_MS);
  const after = await counts(platform);
  const own = (performance.now() - start) / IDLE_MS;
  return combined(between(before, after), between(idle, before), (all, alone) => (all - own * alone) / REQUESTS);
}

describe('an event costs at most', () => {
  it.each<[what: keyof typeof BUDGETS, found: () => number]>([
    ['sqliteCallsOfAnEvent', () => intake.sqlite],
    ['parsesOfAnEvent', () => intake.markedParses],
    ['stringifiesOfAnEvent', () => intake.stringifies],
    ['stringifiedBytesOfAnEvent', () => intake.stringifiedBytes],
    ['bytesWrittenPerByteReceived', () => intake.written],
    ['bytesWrittenInRandomOrder', () => writtenInRandomOrder],
    ['bytesKeptPerByteReceived', () => kept],
    ['bytesOfSearchKeys', () => ofSearchKeys],
  ])('%s', (what, found) => {
    expect(found()).toBeGreaterThan(0);
    expect(found()).toBeLessThanOrEqual(BUDGETS[what].most);
  });
});

describe('a request costs at most', () => {
  it.each<[what: keyof typeof BUDGETS, path: string]>([
    ['sqliteCallsOfARead', `Patient/${MEMBER}`],
    ['sqliteCallsOfARead', 'Observation/o1'],
    ['sqliteCallsOfARead', 'Provenance/p1'],
    ['sqliteCallsOfALargeProvenance', 'Provenance/p250'],
    ['sqliteCallsOfAPage', `Observation?patient=${MEMBER}&_count=50`],
    ['sqliteCallsOfAPageByCode', `Observation?patient=${MEMBER}&code=718-7&_count=50`],
  ])('%s: %s', async (what, path) => {
    const { sqlite } = await costOf(path);
    expect(sqlite).toBeGreaterThan(1);
    expect(sqlite).toBeLessThanOrEqual(BUDGETS[what].most);
  });

  it('what the thread that serves does for a read', async () => {
    const { servingSqlite, parses, stringifies } = await costOf('Observation/o1');
    expect(servingSqlite).toBeGreaterThan(1);
    expect.soft(servingSqlite).toBeLessThanOrEqual(BUDGETS.servingSqliteCallsOfARead.most);
    expect.soft(parses).toBeLessThanOrEqual(BUDGETS.parsesOfARead.most);
    expect.soft(stringifies).toBeLessThanOrEqual(BUDGETS.stringifiesOfARead.most);
  });

  it('the commits of an export that block', async () => {
    const token = await app.tokens.get();
    const exported = async (): Promise<number> => {
      const before = await counts(platform);
      const manifest = await sealed(await kickOff(platform, token, group), token);
      expect(manifest.output.length).toBeGreaterThan(1);
      for (const { url } of manifest.output) expect((await http(url, { token })).status).toBe(200);
      return between(before, await counts(platform)).blockingCommits;
    };
    await exported();
    const commits = await exported();
    expect(commits).toBeGreaterThan(5);
    expect(commits).toBeLessThanOrEqual(BUDGETS.blockingCommitsOfAnExport.most);
  });

  it('the parses of a count by code', async () => {
    const query = `Observation?patient=${MEMBER}&_summary=count&code=`;
    const token = await app.tokens.get();
    expect(json(await http(`${platform.base}/fhir/${query}718-7`, { token }))).toMatchObject({ total: RESULTS });
    const [none, all] = [await costOf(`${query}other`), await costOf(`${query}718-7`)];
    expect(all.parses - none.parses).toBeLessThanOrEqual(BUDGETS.parsesOfACount.most);
  });
});
