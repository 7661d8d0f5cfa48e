import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import {
  batchNamed,
  fileAt,
  type FullFile,
  IMPORT_KINDS,
  importPlan,
  NO_MAP,
  planOf,
  type Platform,
  Server,
  undoBatch,
} from '@provider-access/cli';
import { npiOf } from '@provider-access/synthetic';
import { variant } from '@provider-access/testing/variant';
import { cliPlatform } from './cli-platform.ts';
import { registerApp, type TestApp } from './harness.ts';
import { publishTaken } from './payers.ts';
import { http, json, optOut, payerEvent, takesEffect } from './road.ts';

/**
 * A74: what the dry run foresees is what the apps of the providers see after the import. The oracle is the Group that
 * each app reads, before and after. Files are random: of four kinds and two sources, with rows that have ended, that
 * begin later, or that name coverage which ends, over members some of whom have opted out. A person confirms the end of
 * every second opt-out that a file lacks.
 */
const NPIS = [npiOf(12_000_001), npiOf(12_000_002), npiOf(12_000_003)];
const MEMBERS = Array.from({ length: 12 }, (_, at) => `m-foreseen-${at}`);
/** Files, each of which is imported. Every fourth is taken back. */
const FILES = variant.long ? 1000 : 32;
// Without a zone a day gives access from noon on, of the clock of UTC.
const TODAY = new Date().toISOString().slice(0, 10);
const { at, platform } = cliPlatform({ BUSINESS_TIME_ZONE: 'UTC' });
let apps: readonly TestApp[] = [];

interface File {
  readonly kind: 'roster' | 'coverage' | 'network' | 'opt-outs';
  readonly source: 'north' | 'south';
  readonly rows: readonly {
    readonly member: number;
    readonly npi: number;
    readonly from: string;
    readonly to: string;
  }[];
}
const row = fc.record({
  member: fc.nat(MEMBERS.length - 1),
  npi: fc.nat(NPIS.length - 1),
  from: fc.constantFrom('2020-01-01', '2024-06-01', '2099-01-01'),
  to: fc.constantFrom('', '', '2100-12-31', '2025-12-31'),
});
const file: fc.Arbitrary<File> = fc.record({
  kind: fc.oneof(
    { arbitrary: fc.constantFrom('roster' as const, 'coverage' as const), weight: 8 },
    { arbitrary: fc.constantFrom('network' as const, 'opt-outs' as const), weight: 3 },
  ),
  source: fc.constantFrom('north' as const, 'south' as const),
  rows: fc.array(row, { minLength: 1, maxLength: 24 }),
});

const HEADERS = {
  roster: 'member,npi,from,to',
  coverage: 'member,coverageId,from,to',
  network: 'npi,status,from',
  'opt-outs': 'member,scope,npi,effectiveFrom',
};
/** A row in case all others end before they begin. */
const LAST = {
  roster: `${MEMBERS[0]},${NPIS[0]},2020-01-01,`,
  coverage: `${MEMBERS[0]},c,2020-01-01,`,
  network: `${NPIS[0]},in-network,2020-01-01`,
  'opt-outs': `${MEMBERS[0]},provider-specific,${NPIS[0]},`,
};
/** One row for each name, as a full file has. A row that ends before it begins is none. */
function textOf({ kind, rows }: File): string {
  const named = new Map<string, string>();
  for (const { member, npi, from, to } of rows) {
    if (to !== '' && to < from) continue;
    const id = MEMBERS[member]!;
    // Opt-outs stay, so there are few of them: of three members, each for one provider.
    const out = MEMBERS[member % 3]!;
    // A row that ends leaves the network, so that most are in it.
    if (kind === 'network')
      named.set(`${npi}`, `${NPIS[npi]},${to < '2026' && to !== '' ? 'out-of' : 'in'}-network,${from}`);
    else if (kind === 'opt-outs') named.set(out, `${out},provider-specific,${NPIS[npi]},${from}`);
    else if (kind === 'roster') named.set(`${id} ${npi}`, `${id},${NPIS[npi]},${from},${to}`);
    else named.set(id, `${id},cov-${id},${from},${to}`);
  }
  if (named.size === 0) named.set('', LAST[kind]);
  return `${[HEADERS[kind], ...named.values()].join('\n')}\n`;
}

/** The members whom each provider's app finds on its list. */
const seen = (): Promise<readonly ReadonlySet<string>[]> =>
  Promise.all(
    apps.map(async (app) => {
      // An app gets no token while its provider is out of network.
      const token = await app.tokens.get().catch((error: unknown) => {
        if (!/None of the providers bound to this app is in the network/.test(String(error))) throw error;
      });
      if (token === undefined) return new Set<string>();
      const answer = await http(`${platform().base}/fhir/Group`, { token });
      const { entry = [] } = json<{ entry?: { resource: { member?: { entity: { reference: string } }[] } }[] }>(answer);
      return new Set(
        entry.flatMap(({ resource }) => (resource.member ?? []).map((m) => m.entity.reference.replace('Patient/', ''))),
      );
    }),
  );
const without = (a: ReadonlySet<string>, b: ReadonlySet<string>): number => [...a].filter((one) => !b.has(one)).length;

/** The list of opt-outs that a file lacks, with `yes` for every second one; undefined if it lacks none. */
async function confirmedEnds(file: FullFile, platform: Platform): Promise<string | undefined> {
  const list = at('random.absent.csv');
  rmSync(list, { force: true });
  (await planOf({ ...file, absentFile: list }, platform)).close();
  if (!existsSync(list)) return undefined;
  const rows = readFileSync(list, 'utf8').split('\n');
  writeFileSync(list, rows.map((row, n) => (n % 2 === 1 ? row.replace('""', 'yes') : row)).join('\n'));
  return list;
}

beforeAll(async () => {
  await publishTaken(
    platform(),
    // The files are of a later day, so they may overrule these. Of the last provider only files speak.
    ...NPIS.slice(0, 2).map((npi) => ({
      ...payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
      time: '2025-01-01T00:00:00Z',
    })),
    // Half of the members are covered by a single event, too, and one is attributed by one.
    ...MEMBERS.slice(0, 6).map((member) =>
      payerEvent('payer.member-enrolled.v1', member, { coverageId: `own-${member}`, from: '2020-01-01' }),
    ),
    payerEvent('payer.attribution-asserted.v1', MEMBERS[0]!, { provider: { npi: NPIS[0] }, from: '2020-01-01' }),
  );
  await takesEffect(platform(), optOut(MEMBERS[1]!));
  apps = await Promise.all(NPIS.map((npi, n) => registerApp(platform(), { name: `App ${n}`, npi })));
});

test(`A74 A76 what the dry run of ${FILES} random files foresees is what apps see after the import`, async () => {
  const server = { server: new Server(platform().base), token: platform().payerToken };
  const files = fc.sample(file, { numRuns: FILES, seed: variant.seed });
  let [before, changed] = [await seen(), 0];
  const time = new Date().toISOString();
  for (const [n, one] of files.entries()) {
    const { kind, source } = one;
    writeFileSync(at('random.csv'), textOf(one));
    const whole = { file: fileAt(at('random.csv')), kind: IMPORT_KINDS[kind], map: NO_MAP, time };
    const what = { file: whole, kind, source, asOf: TODAY };
    const ends = kind === 'opt-outs' ? await confirmedEnds(what, server) : undefined;
    const plan = await planOf({ ...what, ...(ends !== undefined && { ends }) }, server);
    const { lists, batch } = plan.report;
    try {
      await importPlan(plan, server);
    } finally {
      plan.close();
    }
    const after = await seen();
    const name = `file ${n} of seed ${variant.seed}: ${JSON.stringify(one)}`;
    for (const [at, npi] of NPIS.entries()) {
      const { gained = 0, lost = 0 } = lists[`npi|${npi}`] ?? {};
      const found = { gained: without(after[at]!, before[at]!), lost: without(before[at]!, after[at]!) };
      expect({ gained, lost }, name).toEqual(found);
      changed += found.gained + found.lost;
    }
    // A77: an undo leads back to what the apps saw before.
    if (n % 4 === 3 && kind !== 'opt-outs') {
      (await undoBatch(batchNamed(batch), server)).close();
      expect(await seen(), `undo of ${name}`).toEqual(before);
    } else before = after;
  }
  // Otherwise the files would have changed next to nothing, and the test would show nothing. A file that takes a
  // provider out of the network hides what the next ones change.
  expect(changed).toBeGreaterThan(FILES / 2);
}, 3_600_000);
