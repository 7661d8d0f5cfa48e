import { syncBuiltinESMExports } from 'node:module';
// eslint-disable-next-line no-restricted-imports -- statements are what is counted
import { StatementSync } from 'node:sqlite';
import zlib from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BUDGETS } from '@provider-access/testing/budgets';
import { Platform } from './harness.ts';

const MEMBERS = Array.from({ length: 20 }, (_, n) => `m${n}`);
const EACH = { Observation: 50, Condition: 20, Goal: 20, Encounter: 10, Procedure: 10, Immunization: 5, Medication: 2 };
const TARGETS = 40;
const NOTHING = { queries: 0, jobs: 0, parses: 0, deflates: 0, inflates: 0 };
const counts = { ...NOTHING };
type Counts = typeof counts;
let platform: Platform;
const found: Record<'first' | 'second' | 'plain' | 'gzip', Counts> = {} as never;

/** Counts each call, also of code that has the function already. */
function count(): void {
  for (const method of ['get', 'all', 'iterate'] as const) {
    const original = StatementSync.prototype[method] as (...values: unknown[]) => unknown;
    vi.spyOn(StatementSync.prototype, method).mockImplementation(function (this: StatementSync, ...values: unknown[]) {
      // Those of the views. The state of the job costs the same for any number of resources.
      if (/"(resources|facts)_|extracts/.test(this.sourceSQL)) counts.queries += 1;
      if (this.sourceSQL.includes('"export_jobs_')) counts.jobs += 1;
      return original.apply(this, values) as never;
    });
  }
  for (const [name, what] of [
    ['deflateRawSync', 'deflates'],
    ['inflateRawSync', 'inflates'],
  ] as const) {
    const original = zlib[name];
    vi.spyOn(zlib, name).mockImplementation((...input) => {
      counts[what] += 1;
      return original(...input);
    });
  }
  syncBuiltinESMExports();
  // Segments are compressed by one context, which starts again for each of them.
  const compressor = Object.getPrototypeOf(zlib.createDeflateRaw()) as zlib.DeflateRaw;
  const { reset } = compressor;
  vi.spyOn(compressor, 'reset').mockImplementation(function (this: zlib.DeflateRaw) {
    counts.deflates += 1;
    reset.call(this);
  });
  const { parse } = JSON;
  vi.spyOn(JSON, 'parse').mockImplementation((...input) => {
    counts.parses += 1;
    return parse(...input) as unknown;
  });
}
/** What the work counts for 1,000 resources. */
async function costOf(resources: number, work: () => Promise<unknown>): Promise<Counts> {
  Object.assign(counts, NOTHING);
  await work();
  return Object.fromEntries(Object.entries(counts).map(([name, n]) => [name, (n / resources) * 1000])) as Counts;
}

beforeAll(async () => {
  platform = await Platform.start();
  await platform.client('c1');
  await platform.group();
  await platform.members(MEMBERS);
  for (const member of MEMBERS)
    await platform.resources([
      { member, type: 'Patient', id: member },
      ...Object.entries(EACH).flatMap(([type, each]) =>
        Array.from({ length: each }, (_, n) => {
          const id = `${member}-${type}-${n}`;
          return { member, type, id, references: [`Practitioner/p${n % 5}`], text: `${id} `.repeat(20) };
        }),
      ),
      {
        member,
        type: 'Provenance',
        id: `${member}-provenance`,
        targets: Array.from({ length: TARGETS }, (_, n) => `Observation/${member}-Observation-${n}`),
      },
    ]);
  await platform.resources(
    Array.from({ length: 5 }, (_, n) => ({ member: 'shared', type: 'Practitioner', id: `p${n}` })),
  );
  await platform.settled();
  const resources = MEMBERS.length * (2 + Object.values(EACH).reduce((sum, n) => sum + n)) + 5;
  count();
  const manifests: Awaited<ReturnType<Platform['manifest']>>[] = [];
  const exported = async (): Promise<void> => void manifests.push(await platform.manifest(await platform.kickOff()));
  found.first = await costOf(resources, exported);
  found.second = await costOf(resources, exported);
  for (const [what, encoding] of [
    ['plain', 'identity'],
    ['gzip', 'gzip'],
  ] as const)
    found[what] = await costOf(resources, async () => {
      let lines = 0;
      for (const { url, count: some } of manifests[1]!.output) {
        const response = await platform.fetch(url, { headers: { 'accept-encoding': encoding } });
        expect((await response.text()).split('\n')).toHaveLength(some + 1);
        lines += some;
      }
      expect(lines).toBe(resources);
    });
});
afterAll(async () => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
  await platform.dispose();
});

describe('1,000 exported resources cost at most', () => {
  it.each<[what: keyof typeof BUDGETS, cost: () => number]>([
    ['queriesOfAFirstExport', () => found.first.queries],
    ['queriesOfASecondExport', () => found.second.queries],
    ['parsesOfAFirstExport', () => found.first.parses],
    ['parsesOfASecondExport', () => found.second.parses],
    ['deflatesOfAFirstExport', () => found.first.deflates],
    ['deflatesOfASecondExport', () => found.second.deflates],
    ['inflatesOfAPlainDownload', () => found.plain.inflates],
    ['inflatesOfAGzipDownload', () => found.gzip.inflates + found.gzip.deflates + found.second.inflates],
    ['queriesOfADownload', () => Math.max(found.gzip.queries, found.plain.queries)],
    ['queriesOfTheJobOfADownload', () => Math.max(found.gzip.jobs, found.plain.jobs)],
  ])('%s', (what, cost) => {
    expect(cost()).toBeLessThanOrEqual(BUDGETS[what].most);
  });
  it('something, so that the counters count', () => {
    const { first, plain } = found;
    for (const n of [first.queries, first.jobs, first.parses, first.deflates, plain.inflates])
      expect(n).toBeGreaterThan(1);
  });
});
