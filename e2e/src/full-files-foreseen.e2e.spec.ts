import { writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { batchNamed, IMPORT_KINDS, importPlan, NO_MAP, planOf, Server, undoBatch } from '@provider-access/cli';
import { npiOf } from '@provider-access/synthetic';
import { variant } from '@provider-access/testing/variant';
import { cliPlatform } from './cli-platform.ts';
import { registerApp, type TestApp } from './harness.ts';
import { publishTaken } from './payers.ts';
import { http, json, optOut, payerEvent, takesEffect } from './road.ts';

/**
 * A74: what the dry run foresees is what the apps of the providers see after the import. The oracle is the Group that
 * each app reads, before and after. Files are random: of two kinds and two sources, with rows that have ended, that
 * begin later, or that name coverage which ends, over members some of whom have opted out.
 */
const NPIS = [npiOf(12_000_001), npiOf(12_000_002), npiOf(12_000_003)];
const MEMBERS = Array.from({ length: 12 }, (_, at) => `m-foreseen-${at}`);
/** Files, each of which is imported. Every fourth is taken back. */
const FILES = variant.long ? 1000 : 32;
const TODAY = new Date().toISOString().slice(0, 10);
const { at, platform } = cliPlatform();
let apps: readonly TestApp[] = [];

interface File {
  readonly kind: 'roster' | 'coverage' | 'opt-outs';
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
    { arbitrary: fc.constantFrom('roster' as const, 'coverage' as const), weight: 15 },
    { arbitrary: fc.constant('opt-outs' as const), weight: 1 },
  ),
  source: fc.constantFrom('north' as const, 'south' as const),
  rows: fc.array(row, { minLength: 1, maxLength: 24 }),
});

const HEADERS = {
  roster: 'member,npi,from,to',
  coverage: 'member,coverageId,from,to',
  'opt-outs': 'member,scope,npi,effectiveFrom',
};
/** A row in case all others end before they begin. */
const LAST = {
  roster: `${NPIS[0]},2020-01-01,`,
  coverage: 'c,2020-01-01,',
  'opt-outs': `provider-specific,${NPIS[0]},`,
};
/** One row for each name, as a full file has. A row that ends before it begins is none. */
function textOf({ kind, rows }: File): string {
  const named = new Map<string, string>();
  for (const { member, npi, from, to } of rows) {
    if (to !== '' && to < from) continue;
    const id = MEMBERS[member]!;
    // Opt-outs stay, so there are few of them: of three members, each for one provider.
    const out = MEMBERS[member % 3]!;
    if (kind === 'opt-outs') named.set(out, `${out},provider-specific,${NPIS[npi]},${from}`);
    else if (kind === 'roster') named.set(`${id} ${npi}`, `${id},${NPIS[npi]},${from},${to}`);
    else named.set(id, `${id},cov-${id},${from},${to}`);
  }
  if (named.size === 0) named.set('', `${MEMBERS[0]},${LAST[kind]}`);
  return `${[HEADERS[kind], ...named.values()].join('\n')}\n`;
}

/** The members whom each provider's app finds on its list. */
const seen = (): Promise<readonly ReadonlySet<string>[]> =>
  Promise.all(
    apps.map(async (app) => {
      const answer = await http(`${platform().base}/fhir/Group`, { token: await app.tokens.get() });
      const { entry = [] } = json<{ entry?: { resource: { member?: { entity: { reference: string } }[] } }[] }>(answer);
      return new Set(
        entry.flatMap(({ resource }) => (resource.member ?? []).map((m) => m.entity.reference.replace('Patient/', ''))),
      );
    }),
  );
const without = (a: ReadonlySet<string>, b: ReadonlySet<string>): number => [...a].filter((one) => !b.has(one)).length;

beforeAll(async () => {
  await publishTaken(
    platform(),
    ...NPIS.map((npi) =>
      payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
    ),
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
    const whole = { file: at('random.csv'), kind: IMPORT_KINDS[kind], map: NO_MAP, time };
    const plan = await planOf({ file: whole, kind, source, asOf: TODAY }, server);
    const { lists, batch } = plan.report;
    try {
      await importPlan(plan, server);
    } finally {
      plan.close();
    }
    const after = await seen();
    const what = `file ${n} of seed ${variant.seed}: ${JSON.stringify(one)}`;
    for (const [at, npi] of NPIS.entries()) {
      const { gained = 0, lost = 0 } = lists[`npi|${npi}`] ?? {};
      const found = { gained: without(after[at]!, before[at]!), lost: without(before[at]!, after[at]!) };
      expect({ gained, lost }, what).toEqual(found);
      changed += found.gained + found.lost;
    }
    // A77: an undo leads back to what the apps saw before.
    if (n % 4 === 3 && kind !== 'opt-outs') {
      (await undoBatch(batchNamed(batch), server)).close();
      expect(await seen(), `undo of ${what}`).toEqual(before);
    } else before = after;
  }
  // Otherwise the files would have changed nothing, and the test would show nothing.
  expect(changed).toBeGreaterThan(FILES);
}, 3_600_000);
