import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { FhirResource } from '@provider-access/fhir';
import { describeUnless } from './describe-unless.ts';
import { foreignFolder, renewCoverage, resourcesOf, unpack } from './foreign-data.ts';
import { exportOf } from './foreign-export.ts';
import { freshPlatform, registerApp, type TestApp } from './harness.ts';
import { paOf } from './pa.ts';
import { HAS_PEER, type Peer, type PeerRequest, startPeer } from './peer.ts';
import { findGroup, http, sealed, texts } from './road.ts';
import { LIMITS } from './world/context.ts';

const NPI = '1234567893';
type Json = Record<string, any>; // eslint-disable-line @typescript-eslint/no-explicit-any -- parsed resources
/** What differs between the answers of both, and who is right; the same table is in docs/exporting-peers.md. */
const KNOWN: Readonly<Record<string, string>> = {};

describeUnless(HAS_PEER ? undefined : 'bulk-data-server is not here', 'the same requests at bulk-data-server', () => {
  const work = mkdtempSync(join(tmpdir(), 'provider-access-peers-'));
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let all: Map<string, FhirResource>;
  let peer: Peer;
  let app: TestApp;
  let group: string;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS });
    const platform = fresh.platform();
    const pa = paOf(platform, work);
    const set = join(work, 'set');
    unpack(join(foreignFolder()!, 'pathling.tar.gz'), set);
    renewCoverage(set);
    expect(await pa('publish', set)).toMatchObject({ code: 0 });
    const members = [...resourcesOf(set)].flatMap(({ resource }) =>
      resource.resourceType === 'Patient' ? [resource.id!] : [],
    );
    all = await exportOf(pa, work, NPI, members);
    peer = await startPeer(join(work, 'files'));
    app = await registerApp(platform, { name: 'Asks both', npi: NPI });
    group = (await findGroup(platform, await app.tokens.get(), NPI)).id;
  }, 900_000);
  afterAll(async () => {
    peer?.stop();
    await fresh?.dispose();
    rmSync(work, { recursive: true, force: true });
  });

  async function ours({ query = [], patients = [] }: PeerRequest): Promise<Map<string, FhirResource>> {
    const token = await app.tokens.get();
    const parameter = [
      ...query.map(([name, valueString]) => ({ name, valueString })),
      ...patients.map((id) => ({ name: 'patient', valueReference: { reference: `Patient/${id}` } })),
    ];
    const fhir = 'application/fhir+json';
    const answer = await http(`${fresh.platform().base}/fhir/Group/${group}/$export`, {
      method: 'POST',
      token,
      headers: { accept: fhir, 'content-type': fhir, prefer: 'respond-async' },
      body: JSON.stringify({ resourceType: 'Parameters', parameter }),
    });
    if (answer.status !== 202) throw new Error(`${answer.status}: ${String(answer.body)}`);
    const manifest = await sealed(String(answer.headers['content-location']), token);
    const lines = [...(await texts(manifest, token)).values()].join('').split('\n');
    const resources = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as FhirResource);
    return new Map(resources.map((resource) => [`${resource.resourceType}/${resource.id}`, resource]));
  }

  /** Filters made from values that the data have, so that most keep some resources and drop others. */
  function filters(): string[] {
    const of = (type: string): Json[] => [...all.values()].filter(({ resourceType }) => resourceType === type);
    const [observation, condition, encounter, patient] = ['Observation', 'Condition', 'Encounter', 'Patient'].map(
      (type) => of(type)[3]!,
    ) as [Json, Json, Json, Json];
    const procedure = of('Procedure')[3]!;
    const coding = condition['code'].coding[0];
    const day = (text: string): string => text.slice(0, 10);
    return [
      'Observation?status=final',
      'Observation?status=final,amended',
      'Observation?status=amended',
      'Observation?category=laboratory',
      'Observation?category=http://terminology.hl7.org/CodeSystem/observation-category|vital-signs',
      'Observation?category=|laboratory',
      'Observation?category:not=laboratory',
      'Observation?date=ge2019-01-01',
      'Observation?date=lt2018-06-01',
      'Observation?date=gt2018-01-01&date=le2020-01-01',
      `Observation?date=${day(observation['effectiveDateTime'])}`,
      'Observation?date=2018',
      'Observation?date=sa2019-03-01',
      'Observation?date=eb2019-03-01',
      `Observation?date=${encodeURIComponent(observation['effectiveDateTime'])}`,
      `Observation?_id=${observation['id']}`,
      `Observation?patient=${patient['id']}`,
      `Observation?patient=Patient/${patient['id']}`,
      `Observation?encounter=${encounter['id']}`,
      `Observation?encounter:missing=true`,
      'Condition?clinical-status=active',
      'Condition?clinical-status=http://terminology.hl7.org/CodeSystem/condition-clinical|resolved',
      `Condition?code=${coding.code}`,
      `Condition?code=${coding.system}|${coding.code}`,
      `Condition?code=${coding.system}|`,
      'Condition?onset-date=ge2017-01-01',
      'Condition?category=encounter-diagnosis',
      'Encounter?status=finished',
      'Encounter?class=AMB',
      'Encounter?date=ge2019-01-01',
      'Encounter?date=lt2017',
      `Procedure?code=${procedure['code'].coding[0].code}`,
      'Procedure?date=ge2018-01-01',
      'Procedure?status=completed',
      'MedicationRequest?status=active',
      'MedicationRequest?intent=order',
      'MedicationRequest?authoredon=ge2018-01-01',
      'Patient?gender=female',
      'Patient?birthdate=lt1980-01-01',
      `Patient?birthdate=${patient['birthDate']}`,
      `Patient?family=${patient['name'][0].family}`,
      `Patient?family=${patient['name'][0].family.slice(0, 3)}`,
      `Patient?given=${patient['name'][0].given[0].toUpperCase()}`,
      `Patient?identifier=${encodeURIComponent(patient['identifier'][0].value)}`,
      'DiagnosticReport?category=LAB',
      'DiagnosticReport?date=ge2018-01-01',
      'AllergyIntolerance?clinical-status=active',
      'CarePlan?status=active',
      'CareTeam?status=active',
      'Immunization?status=completed',
    ];
  }

  const about = (found: ReadonlyMap<string, unknown>): string => [...found.keys()].sort().join(' ');
  /** What both answer, as one text that names how many of each. */
  async function compare(request: PeerRequest): Promise<string> {
    const answer = async (ask: Promise<Map<string, FhirResource>>): Promise<Map<string, FhirResource> | string> =>
      ask.catch((error: unknown) => `refuses ${String(error).slice(0, 300)}`);
    const [mine, theirs] = [await answer(ours(request)), await answer(peer.exportOf(request))];
    if (typeof mine !== 'string' && typeof theirs !== 'string') {
      if (about(mine) === about(theirs)) return 'the same';
      return `ours ${mine.size}, theirs ${theirs.size}`;
    }
    const told = (of: typeof mine): string => (typeof of === 'string' ? of : String(of.size));
    return `ours ${told(mine)}, theirs ${told(theirs)}`;
  }

  test('E20: each filter keeps the same resources', async () => {
    const differences: Record<string, string> = {};
    for (const filter of filters()) {
      const type = filter.split('?')[0]!;
      const difference = await compare({ query: [['_type', type], ['_typeFilter', filter]] }); // prettier-ignore
      if (difference !== 'the same') differences[filter] = difference;
    }
    console.log(differences);
    expect(differences).toEqual(KNOWN);
  });
});
