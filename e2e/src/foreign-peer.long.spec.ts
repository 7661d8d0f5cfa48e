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
/**
 * Filters that both answer differently, by what they begin with; docs/exporting-peers.md says who is right and why.
 */
const KNOWN: Readonly<Record<string, RegExp>> = {
  'Observation?date=2018': /^ours [1-9]\d*, theirs 0$/,
  'Observation?encounter': /^ours refuses .*unknown search parameter encounter/,
  'Patient?family=<3 letters>': /^ours [1-9]\d*, theirs 0$/,
  'Patient?given=<in capitals>': /^ours [1-9]\d*, theirs 0$/,
  'Immunization?status=completed': /^ours [1-9]\d*, theirs 0$/,
};

const US_CORE = [
  'Condition.clinicalStatus',
  'Condition.code',
  'Condition.verificationStatus',
  'Observation.category',
  'Observation.effectiveDateTime',
  'Observation.valueCodeableConcept',
  'Observation.valueQuantity',
  'Patient.gender',
  'Patient.identifier',
  'Patient.name',
];

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
  function filters(): (string | [filter: string, known: string])[] {
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
      ['Observation?date=2018', 'Observation?date=2018'],
      'Observation?date=sa2019-03-01',
      'Observation?date=eb2019-03-01',
      `Observation?date=${encodeURIComponent(observation['effectiveDateTime'])}`,
      `Observation?_id=${observation['id']}`,
      `Observation?patient=${patient['id']}`,
      `Observation?patient=Patient/${patient['id']}`,
      [`Observation?encounter=${encounter['id']}`, 'Observation?encounter'],
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
      [`Patient?family=${patient['name'][0].family.slice(0, 3)}`, 'Patient?family=<3 letters>'],
      [`Patient?given=${patient['name'][0].given[0].toUpperCase()}`, 'Patient?given=<in capitals>'],
      `Patient?identifier=${encodeURIComponent(patient['identifier'][0].value)}`,
      'DiagnosticReport?category=LAB',
      'DiagnosticReport?date=ge2018-01-01',
      'CarePlan?status=active',
      'CareTeam?status=active',
      ['Immunization?status=completed', 'Immunization?status=completed'],
    ];
  }

  /** The peer's answer, one type at a time: with several, it now and then loses the last one. */
  async function typewise(types: readonly string[], request: PeerRequest): Promise<Map<string, FhirResource>> {
    const found: [string, FhirResource][] = [];
    for (const type of types)
      found.push(...(await peer.exportOf({ ...request, query: [['_type', type], ...(request.query ?? [])] })));
    return new Map(found);
  }
  const about = (found: ReadonlyMap<string, unknown>): string => [...found.keys()].sort().join(' ');
  /** The names that only one of both has. */
  const only = (mine: ReadonlyMap<string, unknown>, theirs: ReadonlyMap<string, unknown>) => ({
    ours: [...mine.keys()].filter((name) => !theirs.has(name)),
    theirs: [...theirs.keys()].filter((name) => !mine.has(name)),
  });
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

  test('E20, E22, E24: each filter keeps the same resources', async () => {
    const differences: string[] = [];
    const met = new Set<string>();
    for (const each of filters()) {
      const [filter, known] = typeof each === 'string' ? [each] : each;
      const type = filter.split('?')[0]!;
      const query = [['_type', type] as const, ['_typeFilter', filter] as const];
      const difference = await compare({ query });
      if (known !== undefined && KNOWN[known]!.test(difference)) met.add(known);
      else if (difference !== 'the same') differences.push(`${filter}: ${difference}`);
    }
    expect(differences).toEqual([]);
    expect([...met].sort()).toEqual(Object.keys(KNOWN).sort());
  });

  test('E20: two filters of one type are joined by OR; of two types the peer applies neither', async () => {
    const active = ['_typeFilter', 'Condition?clinical-status=active'] as const;
    const resolved = ['_typeFilter', 'Condition?clinical-status=resolved'] as const;
    expect(await compare({ query: [['_type', 'Condition'], active, resolved] })).toBe('the same');
    const amended = ['_typeFilter', 'Observation?status=amended'] as const;
    // Bulk 3: "filtered independently". No Observation is amended, so the active Conditions are left.
    const kept = await ours({ query: [['_type', 'Condition,Observation'], active, amended] });
    const conditions = [...all].filter(([name]) => name.startsWith('Condition/'));
    const isActive = ([, condition]: [string, Json]): boolean =>
      condition['clinicalStatus'].coding[0].code === 'active';
    expect(about(kept)).toBe(about(new Map(conditions.filter(isActive))));
    const theirs = await typewise(['Condition', 'Observation'], { query: [active, amended] });
    const ofBoth = [...all.keys()].filter((name) => /^(Condition|Observation)\//.test(name));
    expect(theirs.size).toBe(ofBoth.length);
  });

  test('E10, E13: the patients whom a request names, and no others', async () => {
    const ids = [...all.keys()].filter((name) => name.startsWith('Patient/')).map((name) => name.slice(8));
    // Supporting resources belong to nobody here; the peer's table gives them to the first patient.
    const types = ['Patient', 'Observation', 'Condition', 'Encounter'];
    for (const patients of [ids.slice(0, 1), ids.slice(2, 5), [...ids.slice(1, 3), ids[1]!]]) {
      const mine = await ours({ query: [['_type', types.join(',')]], patients });
      const theirs = await typewise(types, { patients });
      expect(mine.size).toBeGreaterThan(10);
      expect(only(mine, theirs)).toEqual({ ours: [], theirs: [] });
    }
    // A patient whom nobody knows: we refuse, the peer gives nothing.
    const nobody = await compare({ query: [['_type', 'Patient']], patients: ['nobody'] });
    expect(nobody).toMatch(/^ours refuses .*400.*, theirs 0$/);
  });

  test('E30, E31: the elements of each resource, and those that always come', async () => {
    const elements = ['Patient.birthDate', 'Observation.status', 'Observation.code', 'Condition.onsetDateTime'];
    const types = ['Patient', 'Observation', 'Condition'];
    const names = (found: FhirResource) => Object.keys(found).sort();
    const [mine, theirs] = [
      await ours({
        query: [
          ['_type', types.join(',')],
          ['_elements', elements.join(',')],
        ],
      }),
      await typewise(types, { query: elements.map((each) => ['_elements', each] as const) }),
    ];
    expect(only(mine, theirs)).toEqual({ ours: [], theirs: [] });
    const more = new Map<string, Set<string>>();
    const less = new Set<string>();
    for (const [name, resource] of mine) {
      const peers = new Set(names(theirs.get(name)!));
      expect(resource.meta).toMatchObject({ tag: [{ code: 'SUBSETTED' }] });
      expect(theirs.get(name)!.meta).toMatchObject({ tag: [{ code: 'SUBSETTED' }] });
      for (const key of names(resource))
        if (!peers.delete(key))
          more.set(resource.resourceType, (more.get(resource.resourceType) ?? new Set()).add(key));
      for (const key of peers) less.add(`${resource.resourceType}.${key}`);
    }
    // We also send what R4 demands and the reference to the patient; it knows neither for each type.
    expect([...more].map(([type, keys]) => `${type}: ${[...keys].sort().join(' ')}`).sort()).toEqual([
      'Condition: subject',
    ]);
    // The peer always sends what US Core 3.1.1 demands of each type, which is more than R4 demands.
    expect([...less].sort()).toEqual(US_CORE);
  });
});
