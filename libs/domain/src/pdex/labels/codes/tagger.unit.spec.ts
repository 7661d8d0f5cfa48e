import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foreignSets, sharedData } from '@provider-access/definitions';
import { type FhirResource, isObject } from '@provider-access/fhir';
import { describe, expect, it, onTestFinished } from 'vitest';
import { reasonOf, Tagger } from '../index.ts';
import { tagOf } from '../tag.ts';
import { DEFAULT_LIST } from './code-list.ts';

const tagger = new Tagger([DEFAULT_LIST]);
const listed = DEFAULT_LIST.entries.flatMap(({ system, codes, from = '1970-01-01', to = '9999-12-31' }) =>
  codes.map((code) => ({ system, code, from, to })),
);
type Listed = (typeof listed)[number];
const short = (code: string): string => code.replace(/[^A-Za-z0-9]/g, '').toUpperCase();

/** Names of the systems of the list, by hand: HL7's terminology, its registry of OIDs, CARIN, and X12 837. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  'http://hl7.org/fhir/sid/icd-10-cm': [
    ...[
      'http://hl7.org/fhir/sid/icd-10-cm',
      'https://hl7.org/fhir/sid/icd-10-cm/',
      'HTTP://HL7.org/fhir/sid/ICD-10-CM',
    ],
    ...['http://hl7.org/fhir/sid/icd-10-cm|2026', 'urn:oid:2.16.840.1.113883.6.90', '2.16.840.1.113883.6.90'],
    ...['http://hl7.org/fhir/sid/icd-10', 'ICD-10-CM', 'ABK', 'ABF', 'ABJ', 'APR'],
    'https://codesystem.x12.org/external/897',
  ],
  'http://www.cms.gov/Medicare/Coding/ICD10': [
    ...['http://www.cms.gov/Medicare/Coding/ICD10', 'https://www.cms.gov/Medicare/Coding/ICD10/', 'BBR', 'BBQ'],
    ...['http://hl7.org/fhir/sid/icd-10-pcs', 'urn:oid:2.16.840.1.113883.6.4', 'ICD-10-PCS'],
  ],
  'http://hl7.org/fhir/sid/icd-9-cm': [
    ...['http://hl7.org/fhir/sid/icd-9-cm', 'http://hl7.org/fhir/sid/icd-9-cm/', 'urn:oid:2.16.840.1.113883.6.103'],
    ...['http://hl7.org/fhir/sid/icd-9-cm/diagnosis', 'BK', 'BF'],
  ],
  'http://www.cms.gov/Medicare/Coding/ICD9': [
    ...['http://www.cms.gov/Medicare/Coding/ICD9', 'urn:oid:2.16.840.1.113883.6.104', 'BR', 'BQ'],
    'http://hl7.org/fhir/sid/icd-9-cm',
  ],
  'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets': [
    ...['https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets', 'urn:oid:2.16.840.1.113883.6.285', 'HC', 'hcpcs'],
    ...['http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets/', '2.16.840.1.113883.6.14'],
    ...['http://www.ama-assn.org/go/cpt', 'urn:oid:2.16.840.1.113883.6.12'],
    'http://terminology.hl7.org/CodeSystem/hcpcs-all',
  ],
  'https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software':
    [
      'https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software',
      'https://www.cms.gov/medicare/medicare-fee-for-service-payment/acuteinpatientpps/ms-drg-classifications-and-software/',
      ...['urn:oid:2.16.840.1.113883.6.301', 'DR'],
    ],
};
/** Ways to write one code. */
const FORMS: readonly ((code: string) => string)[] = [
  (code) => code,
  (code) => code.replaceAll('.', ''),
  (code) => code.toLowerCase(),
  (code) => ` ${code.toLowerCase().replaceAll('.', '')}`,
];

/** Where R4, CARIN and claims that were made from X12 put a code of a service or diagnosis. */
const PLACES: Readonly<Record<string, (concept: object, coding: object) => object>> = {
  'diagnosis.diagnosisCodeableConcept': (concept) => ({
    diagnosis: [{ sequence: 1, diagnosisCodeableConcept: concept }],
  }),
  'diagnosis.packageCode': (concept) => ({ diagnosis: [{ sequence: 1, packageCode: concept }] }),
  'diagnosis.type': (concept) => ({ diagnosis: [{ sequence: 1, type: [{ text: 'x' }, concept] }] }),
  'procedure.procedureCodeableConcept': (concept) => ({
    procedure: [{ sequence: 1, procedureCodeableConcept: concept }],
  }),
  'supportingInfo.code': (concept) => ({ supportingInfo: [{ sequence: 1, category: { text: 'drg' }, code: concept }] }),
  'supportingInfo.reason': (_, coding) => ({
    supportingInfo: [{ sequence: 1, category: { text: 'x' }, reason: coding }],
  }),
  'item.productOrService': (concept) => ({ item: [{ sequence: 1, productOrService: concept }] }),
  'item.revenue': (concept) => ({ item: [{ sequence: 1, revenue: concept, productOrService: { text: 'x' } }] }),
  'item.category': (concept) => ({ item: [{ sequence: 1, category: concept, productOrService: { text: 'x' } }] }),
  'item.modifier': (concept) => ({ item: [{ sequence: 1, productOrService: { text: 'x' }, modifier: [concept] }] }),
  'item.programCode': (concept) => ({
    item: [{ sequence: 1, productOrService: { text: 'x' }, programCode: [concept] }],
  }),
  'item.extension': (_, valueCoding) => ({ item: [{ sequence: 1, extension: [{ url: 'http://x', valueCoding }] }] }),
  'item.detail': (concept) => ({ item: [{ sequence: 1, detail: [{ sequence: 1, productOrService: concept }] }] }),
  'item.detail.subDetail': (concept) => ({
    item: [{ sequence: 1, detail: [{ sequence: 1, subDetail: [{ sequence: 1, productOrService: concept }] }] }],
  }),
  'addItem.productOrService': (concept) => ({ addItem: [{ productOrService: concept }] }),
  'item.adjudication.reason': (reason) => ({
    item: [{ sequence: 1, adjudication: [{ category: { text: 'x' }, reason }] }],
  }),
  'PAS authorized product': (valueCodeableConcept) => ({
    item: [{ sequence: 1, extension: [{ url: 'http://x', extension: [{ url: 'code', valueCodeableConcept }] }] }],
  }),
  'contained Condition': (code) => ({ contained: [{ resourceType: 'Condition', id: 'c', code }] }),
  'contained Claim': (productOrService) => ({
    contained: [{ resourceType: 'Claim', id: 'c', item: [{ sequence: 1, productOrService }] }],
  }),
  'a second coding': (concept) => ({
    type: { coding: [{ system: 'http://x', code: 'y' }, ...(concept as { coding: object[] }).coding] },
  }),
};
const claim = (more: object, day: string): FhirResource => ({
  resourceType: 'ExplanationOfBenefit',
  id: 'e1',
  billablePeriod: { start: day, end: day },
  ...more,
});
const codesOf = (resource: FhirResource): string[] => tagger.search(resource).map((tag) => short(tagOf(tag)!.code));
const dayOf = ({ from, to }: Listed): string => (to < '2020' ? to : from > '2020-01-01' ? from : '2020-01-01');

describe('the built-in list', () => {
  it('has the codes of CMS by system, and none of the AMA', () => {
    const counts = Object.fromEntries([...Map.groupBy(listed, (one) => one.system)].map(([s, of]) => [s, of.length]));
    expect(counts).toEqual({
      'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets': 62,
      'https://www.cms.gov/Medicare/Medicare-Fee-for-Service-Payment/AcuteInpatientPPS/MS-DRG-Classifications-and-Software': 5,
      'http://hl7.org/fhir/sid/icd-10-cm': 447,
      'http://www.cms.gov/Medicare/Coding/ICD10': 57,
      'http://hl7.org/fhir/sid/icd-9-cm': 135,
      'http://www.cms.gov/Medicare/Coding/ICD9': 14,
    });
    // HCPCS level II begins with a letter; CPT has five digits, or four and a letter.
    expect(listed.filter(({ code }) => /^\d{4}[0-9A-Z]$/.test(code))).toEqual([]);
  });
});

describe('R15: every code of the list is found', () => {
  it('in each place, under each name of its system, however it is written', () => {
    let planted = 0;
    for (const one of listed)
      for (const place of Object.values(PLACES))
        for (const form of FORMS) {
          const spellings = SPELLINGS[one.system]!;
          const coding = { system: spellings[planted % spellings.length]!, code: form(one.code) };
          const found = codesOf(claim(place({ coding: [coding] }, coding), dayOf(one)));
          if (!found.includes(short(one.code))) expect({ one, coding, found }).toBe('found');
          planted += 1;
        }
    expect(planted).toBe(720 * 20 * 4);
  });

  it.each(Object.entries(SPELLINGS))('under all names of %s', (system, spellings) => {
    const one = listed.find((each) => each.system === system && each.to > '2020')!;
    for (const each of [...spellings, undefined, '', 'codes', 'local'])
      expect([each, codesOf(claim({ type: { coding: [{ system: each, code: one.code }] } }, dayOf(one)))]).toEqual([
        each,
        [short(one.code)],
      ]);
  });

  it('in a concept of text alone, in a display without a code, and in clinical resources', () => {
    const text = (of: string) => codesOf({ resourceType: 'Condition', code: { text: of } });
    for (const of of ['F11.20', 'f1120', 'F11.20 Opioid dependence', 'F11.20: dependence'])
      expect(text(of)).toEqual(['F1120']);
    for (const of of ['303 days', 'Opioid dependence', 'see F11.20', '']) expect(text(of)).toEqual([]);
    const code = { coding: [{ system: 'http://hl7.org/fhir/sid/icd-10-cm', display: 'F11.20 Opioid dependence' }] };
    expect(codesOf({ resourceType: 'Condition', code })).toEqual(['F1120']);
    const coded = { coding: [{ system: 'http://hl7.org/fhir/sid/icd-10-cm', code: 'F11.20' }] };
    for (const [resourceType, name] of [
      ['Condition', 'code'],
      ['Encounter', 'reasonCode'],
      ['Procedure', 'code'],
      ['MedicationRequest', 'reasonCode'],
      ['Observation', 'valueCodeableConcept'],
    ] as const)
      expect(codesOf({ resourceType, [name]: coded })).toEqual(['F1120']);
  });
});

describe('no code is found', () => {
  const system = 'http://hl7.org/fhir/sid/icd-10-cm';
  it.each([
    ['a code that is not in the list', { system, code: 'I10' }],
    ['the beginning of one', { system, code: 'F11' }],
    ['one with more signs', { system, code: 'F11.201' }],
    ['a code of another system', { system: 'http://snomed.info/sct', code: '303' }],
    ['a revenue code', { system: 'https://www.nubc.org/CodeSystem/RevenueCodes', code: '0522' }],
    ['a DRG of another grouper', { system: 'http://uri.hddaccess.com/cs/aprdrg', code: '895' }],
    ['a code of units', { system: 'http://unitsofmeasure.org', code: '895' }],
  ])('for %s', (_, coding) => {
    expect(codesOf(claim({ type: { coding: [coding] } }, '2024-05-01'))).toEqual([]);
  });
});

describe('dates of a code', () => {
  const coded = { coding: [{ system: 'HCPCS', code: 'G0137' }] };
  const found = (billablePeriod: object | undefined, more: object = {}) =>
    codesOf({ resourceType: 'ExplanationOfBenefit', item: [{ productOrService: coded }], billablePeriod, ...more });
  // G0137 is listed from 2024-01-01.
  it.each([
    [{ start: '2023-12-30', end: '2023-12-31' }, []],
    [{ start: '2023-12-30', end: '2024-01-01' }, ['G0137']],
    [{ start: '2023-12-30' }, ['G0137']],
    [{ start: '2023', end: '2023' }, []],
    [{ start: '2024-01', end: '2024-01' }, ['G0137']],
    [{ start: 'x', end: 'y' }, ['G0137']],
    [undefined, ['G0137']],
  ])('count for a claim of %j: %j', (period, codes) => {
    expect(found(period)).toEqual(codes);
  });
  it('do not release a contained resource, whose dates may be others', () => {
    const contained = [{ resourceType: 'Procedure', id: 'p', code: coded }];
    expect(found({ start: '2023-01-01', end: '2023-01-02' }, { item: [], contained })).toEqual(['G0137']);
  });
});

it('says why: the system, the code as the list has it, the list and the law', () => {
  const resource = claim({ type: { coding: [{ system: 'ABK', code: 'f1120' }] } }, '2024-05-01');
  expect(tagger.search(resource).map(reasonOf)).toEqual(['ICD-10 F11.20, list 2026-08-22, 42 CFR Part 2']);
});
it('keeps some tags of a resource with hundreds of codes', () => {
  const coding = listed.map(({ system, code }) => ({ system, code }));
  expect(tagger.search({ resourceType: 'Condition', code: { coding } })).toHaveLength(20);
});

const listOfCms = (): string | undefined => {
  const found = sharedData('foreign');
  const file = found === undefined ? undefined : join(found, 'bfd-security_labels.yml');
  return file !== undefined && existsSync(file) ? file : undefined;
};
/** The long samples of CMS have hundreds of codings. */
const STRIDE = 3;
const sets = foreignSets();
const list = listOfCms();
const python = spawnSync('python3', ['--version']).status === 0;
const without =
  sets === undefined || list === undefined || !python ? ' (skipped without shared/data/foreign and python3)' : '';

describe(`an independent script tags the same${without}`, () => {
  const byScript = (resources: readonly FhirResource[]): string[][] => {
    const dir = mkdtempSync(join(tmpdir(), 'tag-codes-'));
    onTestFinished(() => rmSync(dir, { recursive: true }));
    writeFileSync(join(dir, 'r.ndjson'), resources.map((resource) => JSON.stringify(resource)).join('\n') + '\n');
    const script = join(import.meta.dirname, '../../../../test/codes/tag-codes.py');
    const { stdout, stderr } = spawnSync('python3', [script, list!, join(dir, 'r.ndjson')], {
      encoding: 'utf8',
      maxBuffer: 1e9,
    });
    expect(stderr).toBe('');
    return stdout
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as string[]).map((each) => each.split(' ')[1]!));
  };
  const foreign = (): FhirResource[] =>
    sets!.flatMap(({ set, lines }) =>
      /smart|pathling/.test(set) ? [] : lines().map((line) => JSON.parse(line) as FhirResource),
    );

  it.skipIf(without)(
    'in the samples of CARIN, CMS, PDex and US Core: two examples of US Core have a code of the list, and nothing else',
    () => {
      const resources = foreign();
      expect(resources.length).toBeGreaterThan(300);
      const ours = resources.map(codesOf);
      expect(byScript(resources)).toEqual(ours);
      // `rehab` of US Core, a Procedure and a ServiceRequest: counselling for substance abuse.
      expect(ours.filter((codes) => codes.length > 0)).toEqual([['HZ30ZZZ'], ['HZ30ZZZ']]);
    },
  );

  it.skipIf(without)('in samples of CARIN and CMS with each code of the list, in each place that has a code', () => {
    const samples = foreign().filter(({ resourceType }) => resourceType === 'ExplanationOfBenefit');
    expect(samples.length).toBeGreaterThan(25);
    const planted: { resource: FhirResource; code: string }[] = [];
    for (const sample of samples)
      for (let place = samples.indexOf(sample) % STRIDE; place < placesIn(sample); place += STRIDE) {
        const one = listed[(planted.length * 7) % listed.length]!;
        const resource = structuredClone(sample);
        const day = dayOf(one);
        const spellings = SPELLINGS[one.system]!;
        const code = FORMS[planted.length % FORMS.length]!(one.code);
        plant(resource, place, { system: spellings[planted.length % spellings.length]!, code });
        planted.push({
          resource: { ...resource, item: undated(resource['item']), billablePeriod: { start: day, end: day } },
          code: short(one.code),
        });
      }
    expect(planted.length).toBeGreaterThan(listed.length);
    expect(new Set(planted.map(({ code }) => code)).size).toBeGreaterThan(700);
    const ours = planted.map(({ resource }) => codesOf(resource));
    expect(planted.filter(({ code }, at) => !ours[at]!.includes(code))).toEqual([]);
    const theirs = byScript(planted.map(({ resource }) => resource));
    expect(ours.map((codes) => [...new Set(codes)].toSorted())).toEqual(
      theirs.map((codes) => [...new Set(codes)].toSorted()),
    );
  });
});

/** The codings of a sample. */
function* codingsOf(node: unknown): Generator<Record<string, unknown>> {
  if (Array.isArray(node)) for (const one of node as unknown[]) yield* codingsOf(one);
  if (!isObject(node)) return;
  if (typeof node['code'] === 'string' && node['value'] === undefined) yield node as Record<string, unknown>;
  for (const child of Object.values(node)) yield* codingsOf(child);
}
const placesIn = (resource: FhirResource): number => [...codingsOf(resource)].length;
function plant(resource: FhirResource, place: number, coding: object): void {
  Object.assign([...codingsOf(resource)][place]!, coding);
}
const undated = (items: unknown): unknown =>
  Array.isArray(items)
    ? (items as object[]).map((item) => ({ ...item, servicedDate: undefined, servicedPeriod: undefined }))
    : items;
