import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { itemOf, startPlatform, type PlatformProcess } from '@provider-access/cli';
import { http, json, payerEvent, publishItems, registerApp } from '../road.ts';
import { load } from './load.ts';
import { cpuOf } from './processes.ts';
import { median, note } from './rows.ts';

const NPI = '1234567893';
const OTHER = '1245319599';
const MEMBER = 'bench-member';
/** Members of the client. The rest of the store belongs to another provider. */
const PANEL = 50;
const ROUNDS = 3;

/** What one search costs in a small and in a large store: CPU of the platform's process, µs. */
export interface SearchFigure {
  readonly what: string;
  readonly results: number;
  readonly small: number;
  readonly large: number;
}

const SEARCHES: readonly (readonly [what: string, path: string])[] = [
  ['single read', `Observation/${MEMBER}-one-0`],
  ['1 result by code', `Observation?patient=${MEMBER}&code=one`],
  ['50 results by code', `Observation?patient=${MEMBER}&code=fifty&_count=50`],
  ['200 of 1,000 results by code', `Observation?patient=${MEMBER}&code=thousand&_count=200`],
  ['a deep page of 1,000 results', ''],
  ['10 results in a date range', `Observation?patient=${MEMBER}&date=ge2021-02-01&date=lt2021-02-11`],
  ['the same by category too', `Observation?patient=${MEMBER}&category=laboratory&date=ge2021-02-01&date=lt2021-02-11`],
  ['50 results, sorted by date', `Observation?patient=${MEMBER}&code=fifty&_sort=-date`],
  ['a total of 1,000 results', `Observation?patient=${MEMBER}&code=thousand&_summary=count`],
  ['20 results, _include', `MedicationRequest?patient=${MEMBER}&intent=order&_include=MedicationRequest:medication`],
  ['50 results, _revinclude', `Observation?patient=${MEMBER}&code=fifty&_revinclude=Provenance:target`],
  [`a patient of ${PANEL} by family name`, 'Patient?family=seventeen'],
  ['a page of 50 without a filter', `Observation?patient=${MEMBER}&_count=50`],
];

const observation = (member: string, code: string, n: number): object => ({
  resourceType: 'Observation',
  id: `${member}-${code}-${n}`,
  status: 'final',
  category: [
    { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/observation-category', code: 'laboratory' }] },
  ],
  code: { coding: [{ system: 'http://loinc.org', code }] },
  subject: { reference: `Patient/${member}` },
  effectiveDateTime: new Date(Date.UTC(2021, 0, 1 + (n % 900))).toISOString(),
  valueQuantity: { value: n, unit: 'mg/dL', system: 'http://unitsofmeasure.org', code: 'mg/dL' },
});
const recorded = (member: string, resource: object) =>
  itemOf(payerEvent('payer.resource-recorded.v1', member, { resource }));

function* events(members: number): Generator<ReturnType<typeof itemOf>> {
  const count = (code: string, n: number) => Array.from({ length: n }, (_, i) => observation(MEMBER, code, i));
  for (const npi of [NPI, OTHER])
    yield itemOf(
      payerEvent('payer.network-status-changed.v1', npi, {
        npi,
        status: 'in-network',
        from: '2020-01-01',
      }),
    );
  for (let n = 0; n < members; n += 1) {
    const member = n === 0 ? MEMBER : `m-${n}`;
    const family = n < PANEL && n % 17 === 0 ? 'Seventeen' : `Family${n}`;
    yield recorded(member, { resourceType: 'Patient', id: member, name: [{ family }], birthDate: '1980-01-01' });
    yield recorded(member, observation(member, 'other', n));
    if (n >= PANEL) continue;
    yield recorded(member, {
      resourceType: 'Coverage',
      id: `${member}-cov`,
      status: 'active',
      period: { start: '2020-01-01' },
      beneficiary: { reference: `Patient/${member}` },
      payor: [{ reference: 'Organization/payer' }],
    });
    yield itemOf(payerEvent('payer.attribution-asserted.v1', member, { provider: { npi: NPI }, from: '2020-01-01' }));
  }
  for (const resource of [...count('one', 1), ...count('fifty', 50), ...count('thousand', 1000)])
    yield recorded(MEMBER, resource);
  for (let n = 0; n < 20; n += 1) {
    yield recorded(MEMBER, { resourceType: 'Medication', id: `med-${n}`, code: { text: 'a drug' } });
    yield recorded(MEMBER, {
      resourceType: 'MedicationRequest',
      id: `rx-${n}`,
      status: 'active',
      intent: 'order',
      medicationReference: { reference: `Medication/med-${n}` },
      subject: { reference: `Patient/${MEMBER}` },
      authoredOn: '2022-01-01',
    });
  }
  for (let n = 0; n < 50; n += 1)
    yield recorded(MEMBER, {
      resourceType: 'Provenance',
      id: `prov-${n}`,
      target: [{ reference: `Observation/${MEMBER}-fifty-${n}` }],
      recorded: '2022-01-01T00:00:00Z',
      agent: [{ who: { reference: 'Organization/o1' } }],
    });
}

/** Measures each search in two platforms that differ only in the size of the store. */
export async function benchSearch(options: { small: number; large: number; seconds: number }): Promise<SearchFigure[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'provider-access-bench-'));
  const platforms: PlatformProcess[] = [];
  try {
    for (const [name, members] of [
      ['small', options.small],
      ['large', options.large],
    ] as const) {
      note(`a store of ${members} members`);
      const platform = await startPlatform({ dataDir: join(scratch, name) });
      platforms.push(platform);
      const report = await publishItems(platform, [...events(members)]);
      if (report.accepted < members) throw new Error(`only ${report.accepted} events were accepted`);
    }
    const tokens = await Promise.all(
      platforms.map(async (platform) => (await registerApp(platform, { name: 'bench', npi: NPI })).tokens),
    );
    const measured = async (i: number, path: string): Promise<Measured> =>
      measure(platforms[i]!, await tokens[i]!.get(), path, options.seconds);
    const figures: SearchFigure[] = [];
    for (const [what, path] of SEARCHES) {
      note(what);
      const costs: number[][] = [];
      let results = 0;
      // The first round warms up.
      for (let round = 0; round <= ROUNDS; round += 1) {
        const [small, large] = [await measured(0, path), await measured(1, path)];
        costs.push([small.cost, large.cost]);
        results = small.results;
      }
      const of = (i: number): number => median(costs.slice(1).map((each) => each[i]!));
      figures.push({ what, results, small: of(0), large: of(1) });
    }
    return figures;
  } finally {
    for (const platform of platforms) await platform.kill();
    rmSync(scratch, { recursive: true, force: true });
  }
}

interface Measured {
  readonly results: number;
  /** CPU of a request, µs. */
  readonly cost: number;
}
async function measure(platform: PlatformProcess, token: string, path: string, seconds: number): Promise<Measured> {
  const target = path === '' ? await deepPage(platform, token) : `/fhir/${path}`;
  const { entry, total, id } = json<{ entry?: unknown[]; total?: number; id?: string }>(
    await http(`${platform.base}${target}`, { token }),
  );
  const before = cpuOf(platform.pid);
  const { requests } = await load({ base: platform.base, targets: [target], token, connections: 4, seconds });
  const results = id === undefined ? (entry?.length ?? total ?? 0) : 1;
  return { results, cost: ((cpuOf(platform.pid) - before) / requests) * 1e6 };
}

/** The link to the results from 800 on. */
async function deepPage(platform: PlatformProcess, token: string): Promise<string> {
  let url = `${platform.base}/fhir/Observation?patient=${MEMBER}&code=thousand&_count=50`;
  for (let page = 0; page < 16; page += 1) {
    const { link } = json<{ link: { relation: string; url: string }[] }>(await http(url, { token }));
    url = link.find(({ relation }) => relation === 'next')!.url;
  }
  const { pathname, search } = new URL(url);
  return pathname + search;
}

export function printSearch(
  figures: readonly SearchFigure[],
  { small, large }: { small: number; large: number },
): void {
  console.log(`CPU µs a request, in a store of ${small} and of ${large} members`);
  for (const { what, results, small: a, large: b } of figures) {
    const costs = [a.toFixed(0), b.toFixed(0), (b / a).toFixed(2)].map((text) => text.padStart(8)).join('');
    console.log(`${what.padEnd(34)}${String(results).padStart(6)} entries${costs}`);
  }
}
