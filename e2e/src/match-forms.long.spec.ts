import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { foreignLines } from '@provider-access/definitions';
import {
  isCoverageOfUs,
  readBundle,
  readRequest,
  type ResultEntry,
  type ResultHead,
  resultLine,
} from '@provider-access/domain/pdex/match';
import { payerIdentity } from '@provider-access/domain/pdex';
import type { FhirResource } from '@provider-access/fhir';
import { COMPILED } from './compiled.ts';
import { CLONED_PA } from './pa.ts';
import { errorsOf, HAS_VALIDATOR } from './validator.ts';

const parameters = foreignLines('examples-pdex-2.2.0', 'Parameters')?.map((line) => JSON.parse(line) as FhirResource);
const guide = parameters?.find(({ id }) => id === 'provider-member-match-request-001');
if (!HAS_VALIDATOR || guide === undefined)
  console.warn('SKIPPED: validation of matches, since shared/tools and shared/data are not beside this checkout');

const NOW = '2027-01-11T09:01:00Z';
const NAIC = 'urn:oid:2.16.840.1.113883.6.300';
const head = (kind: ResultHead['kind']): ResultHead => ({
  kind,
  id: `group-${kind}`,
  lastUpdated: NOW,
  npis: ['1982947230', '1234567893'],
  result: { system: 'https://payer.example/fhir/identifier/match-result', value: 'mm-42' },
  payer: { reference: 'Organization/payer-1', identifier: { system: NAIC, value: '12345' } },
  from: '2027-01-11',
  to: '2027-02-10',
});
const entriesOf = (request: unknown): readonly ResultEntry[] => {
  const reading = readRequest(request);
  if (!reading.ok) throw new Error(reading.text);
  return reading.bundles.map(({ part, place, ids }) => {
    const bundle = readBundle(part, place, NOW);
    const { patient, coverage } = bundle.ok ? bundle.bundle : { patient: bundle.patient, coverage: undefined };
    return {
      place,
      ids,
      member: `m-${place}`,
      ...(patient !== undefined && { patient }),
      ...(coverage !== undefined && { coverage }),
    };
  });
};

describe.skipIf(!HAS_VALIDATOR || guide === undefined)("HL7's validator, with PDex 2.2.0 and HRex 1.0.0", () => {
  const folder = mkdtempSync(join(tmpdir(), 'match-forms-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  /** What `pa match` would send. */
  const requestOf = (name: string, text: string): FhirResource => {
    const file = join(folder, name);
    const out = join(folder, `${name}-out`);
    writeFileSync(file, text);
    const args = ['match', '--npi', '1234567893', '--payer', `${NAIC}|12345`, '--dry-run', '--out', out, file];
    const ran = spawnSync(process.execPath, [CLONED_PA, ...args], {
      encoding: 'utf8',
      env: { ...process.env, ...COMPILED },
    });
    if (ran.status !== 0) throw new Error(ran.stderr);
    return JSON.parse(readFileSync(join(out, 'request-1.json'), 'utf8')) as FhirResource;
  };
  const requests: FhirResource[] = [];
  const results: FhirResource[] = [];
  let planted: FhirResource;
  beforeAll(() => {
    const row = "O'Neill,Ada Maria,1971-02-03,F,,62701,S-77,Jr.";
    const header = 'family,given,birth_date,gender,member_id,zip,subscriber_id,suffix';
    const csv = `${header}\nReyes,Ada,1971-02-03,F,M1,,,\n${row}\n`;
    requests.push(guide!, requestOf('people.csv', csv));
    for (const request of requests) {
      const entries = entriesOf(request);
      const withoutCoverage = entries.map(({ coverage: _coverage, ...entry }) => entry);
      for (const kind of ['matched', 'nonmatched', 'constrained'] as const)
        for (const some of [entries, withoutCoverage])
          results.push(JSON.parse(resultLine(head(kind), some)) as FhirResource);
    }
    // Empty, after the expiry of what was sent, and with a Patient that is no valid FHIR.
    const [{ ids, place, member }] = entriesOf(guide) as [ResultEntry];
    results.push(JSON.parse(resultLine(head('matched'), [])) as FhirResource);
    results.push(JSON.parse(resultLine(head('matched'), [{ ids, place, member: member! }])) as FhirResource);
    results.push(JSON.parse(resultLine(head('nonmatched'), [{ ids, place }])) as FhirResource);
    const bad = { ...(JSON.parse(resultLine(head('matched'), entriesOf(guide))) as FhirResource), code: undefined };
    planted = JSON.parse(JSON.stringify(bad)) as FhirResource;
  });

  test('finds no error in the requests of `pa match` and in the results, and the planted one (M51 to M58)', () => {
    const all = [...requests, ...results];
    const found = errorsOf([...all, planted], 'all');
    expect(found.slice(0, all.length).map((issues, at) => ({ id: all[at]!.id, issues }))).toEqual(
      all.map(({ id }) => ({ id, issues: [] })),
    );
    expect(found.at(-1)).not.toEqual([]);
  }, 900_000);
});

describe.skipIf(guide === undefined)("the guide's own request", () => {
  const payer = payerIdentity([`${NAIC}|12345`], 'Organization/payer-1');
  type Part = { readonly name: string; readonly resource: object };
  const bundleOf = (coverage: object) => {
    const [first] = guide!['parameter'] as [{ readonly name: string; readonly part: readonly Part[] }];
    const part = first.part.map((one) =>
      one.name === 'CoverageToMatch' ? { ...one, resource: { ...one.resource, ...coverage } } : one,
    );
    const reading = readBundle({ ...first, part }, 1, NOW);
    if (!reading.ok) throw new Error(`${reading.element}: ${reading.text}`);
    return reading.bundle;
  };
  test('unchanged names another payer, and a coverage that is over: NonMatched', () => {
    const { coverage, demographics } = bundleOf({});
    expect(isCoverageOfUs(coverage as Readonly<Record<string, unknown>>, payer, NOW)).toBe(false);
    // M45: the id of the Patient is the provider's own.
    expect(demographics).toMatchObject({ memberIds: [], subscriberId: '12345678' });
  });
  test('with our payer and a current coverage is searched for', () => {
    const ours = { payor: [{ identifier: { system: NAIC, value: '12345' } }] };
    const current = { start: '2026-01-01' };
    const judged = (changes: object) =>
      isCoverageOfUs(bundleOf(changes).coverage as Readonly<Record<string, unknown>>, payer, NOW);
    expect(judged({ ...ours, period: current })).toBe(true);
    expect(judged({ period: current })).toBe(false);
    expect(judged(ours)).toBe(false);
  });
});
