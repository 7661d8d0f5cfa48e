import { describe, expect, it } from 'vitest';
import { CARIN, CLAIMS, CLINICAL, coded, info, PDEX, US_CORE } from '../../test/profiles/samples.ts';
import type { FhirResource } from '../types.ts';
import { type KnownProfile, type Lack, lacksOf, profilesNamed, profilesOf } from './index.ts';

type Change = (resource: any) => void; // eslint-disable-line @typescript-eslint/no-explicit-any -- deep JSON
const named = (canonical: string): KnownProfile => profilesNamed(canonical)[0]!;
const basis = (kind: string, version: string) => named(`${CARIN}C4BB-ExplanationOfBenefit-${kind}-Basis|${version}`);
const changed = (resource: FhirResource, change: Change): FhirResource => {
  const copy = structuredClone(resource);
  change(copy);
  return copy;
};
/** `element rule` of each lack, so that an expectation reads as a list. */
const lacks = (profile: KnownProfile, resource: FhirResource): string[] =>
  lacksOf(profile, resource).map(
    ({ element, rule }: Lack) => `${element.replace('ExplanationOfBenefit.', '')} ${rule}`,
  );

/** A rule of the guide, a change that breaks it, and the only lack that follows. */
type Row = [rule: string, change: Change, ...lacks: string[]];

const EVERY_CLAIM: readonly Row[] = [
  ['meta.lastUpdated 1..1', (r) => delete r.meta.lastUpdated, 'meta.lastUpdated min'],
  ['meta.profile 1..*', (r) => delete r.meta.profile, 'meta.profile min'],
  [
    'identifier[uniqueclaimid] 1..1',
    (r) => (r.identifier[0].type.coding[0].code = 'x'),
    'identifier:uniqueclaimid min',
  ],
  ['only one of them', (r) => r.identifier.push(r.identifier[0]), 'identifier:uniqueclaimid max'],
  ['status of R4', (r) => (r.status = 'paid'), 'status binding'],
  ['use is claim', (r) => (r.use = 'preauthorization'), 'use fixed'],
  ['billablePeriod.start 1..1', (r) => delete r.billablePeriod.start, 'billablePeriod.start min'],
  ['insurer 1..1', (r) => delete r.insurer, 'insurer min'],
  ['provider 1..1', (r) => delete r.provider, 'provider min'],
  ['outcome 1..1', (r) => delete r.outcome, 'outcome min'],
  ['insurance 1..*', (r) => delete r.insurance, 'insurance min'],
  ['insurance.coverage 1..1', (r) => delete r.insurance[0].coverage, 'insurance.coverage min'],
  ['item 1..*', (r) => delete r.item, 'item min'],
  ['item.sequence 1..1', (r) => delete r.item[0].sequence, 'item.sequence min'],
  ['type 1..1', (r) => delete r.type, 'type min'],
  [
    'a careTeam has a provider',
    (r) => (r.careTeam = [{ sequence: 1, role: { text: 'x' } }]),
    'careTeam.provider min',
    'careTeam.role binding',
  ],
  [
    'a related claim has a reference',
    (r) =>
      (r.related = [
        { relationship: coded('http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship', 'prior') },
      ]),
    'related.reference min',
  ],
];
const EACH_KIND: Readonly<Record<string, readonly Row[]>> = {
  'Inpatient-Institutional': [
    ['type institutional', (r) => (r.type.coding[0].code = 'oral'), 'type fixed'],
    ['subType inpatient', (r) => (r.subType.coding[0].code = 'outpatient'), 'subType fixed'],
    ['diagnosis 1..*', (r) => delete r.diagnosis, 'diagnosis min'],
    ['diagnosis.type 1..*', (r) => delete r.diagnosis[0].type, 'diagnosis.type min'],
    ['diagnosis.type of the value set', (r) => (r.diagnosis[0].type[0].coding[0].code = 'x'), 'diagnosis.type binding'],
    [
      'supportingInfo[admissionperiod] 1..1',
      (r) => delete r.supportingInfo,
      'supportingInfo min',
      'supportingInfo:admissionperiod min',
    ],
    [
      'clmrecvddate has a date',
      (r) => r.supportingInfo.push(info(2, 'clmrecvddate', {})),
      'supportingInfo:clmrecvddate.timing[x] min',
    ],
    [
      'adjudication[benefitpaymentstatus] 1..1',
      (r) => delete r.adjudication,
      'adjudication min',
      'adjudication:benefitpaymentstatus min',
    ],
    [
      'paid, denied or partially paid',
      (r) => (r.adjudication[0].reason.coding[0].code = 'x'),
      'adjudication:benefitpaymentstatus.reason binding',
    ],
    ['item.revenue 1..1', (r) => delete r.item[0].revenue, 'item.revenue min'],
  ],
  'Outpatient-Institutional': [
    ['subType outpatient', (r) => (r.subType.coding[0].code = 'inpatient'), 'subType fixed'],
    ['diagnosis 1..*', (r) => delete r.diagnosis, 'diagnosis min'],
    ['item.serviced[x] 1..1', (r) => delete r.item[0].servicedDate, 'item.serviced[x] min'],
  ],
  'Professional-NonClinician': [
    ['diagnosis 1..*', (r) => delete r.diagnosis, 'diagnosis min'],
    ['type of the value set', (r) => (r.type.coding[0].code = 'oral'), 'type binding'],
    ['item.serviced[x] 1..1', (r) => delete r.item[0].servicedDate, 'item.serviced[x] min'],
    ['item.location[x] 1..1', (r) => delete r.item[0].locationCodeableConcept, 'item.location[x] min'],
    [
      'it names a place of service',
      (r) => (r.item[0].locationCodeableConcept = { text: 'office' }),
      'item.location[x] binding',
    ],
    [
      'item.adjudication[benefitpaymentstatus] 1..1',
      (r) => delete r.item[0].adjudication,
      'item.adjudication min',
      'item.adjudication:benefitpaymentstatus min',
    ],
  ],
  Oral: [
    ['type oral', (r) => (r.type.coding[0].code = 'vision'), 'type fixed'],
    [
      'adjudication[renderingnetworkstatus] 1..1',
      (r) => (r.adjudication[0].category.coding[0].code = 'x'),
      'adjudication:renderingnetworkstatus min',
    ],
    ['item.serviced[x] 1..1', (r) => delete r.item[0].servicedDate, 'item.serviced[x] min'],
    ['item.location[x] 1..1', (r) => delete r.item[0].locationCodeableConcept, 'item.location[x] min'],
    [
      'item.adjudication[benefitpaymentstatus] 1..1',
      (r) => delete r.item[0].adjudication,
      'item.adjudication min',
      'item.adjudication:benefitpaymentstatus min',
    ],
  ],
  Pharmacy: [
    ['type pharmacy', (r) => (r.type.coding[0].code = 'oral'), 'type fixed'],
    [
      'supportingInfo[dayssupply] 1..1',
      (r) => (r.supportingInfo[0].category = { text: 'x' }),
      'supportingInfo:dayssupply min',
    ],
    [
      'supportingInfo[dawcode] 1..1',
      (r) => (r.supportingInfo[1].category = { text: 'x' }),
      'supportingInfo:dawcode min',
    ],
    ['item.serviced[x] is a date', (r) => delete r.item[0].servicedDate, 'item.serviced[x] min'],
    [
      'NDC',
      (r) => (r.item[0].productOrService.coding[0].system = 'http://snomed.info/sct'),
      'item.productOrService binding',
    ],
  ],
};

describe.each(['2.1.0', '2.2.0'])('the Basis profiles of CARIN BB %s', (version) => {
  for (const [kind, claim] of Object.entries(CLAIMS)) {
    it(`${kind}: a claim with what the guide demands lacks nothing`, () => {
      expect(lacks(basis(kind, version), claim)).toEqual([]);
    });
    it.each([...EVERY_CLAIM, ...EACH_KIND[kind]!])(`${kind}: %s`, (_rule, change, ...expected) => {
      expect(lacks(basis(kind, version), changed(claim, change)).toSorted()).toEqual(expected.toSorted());
    });
  }
  it('Inpatient-Institutional: the timing of an admission is a Period', () => {
    const claim = changed(CLAIMS['Inpatient-Institutional']!, (r) => {
      r.supportingInfo = [info(1, 'admissionperiod', { timingDate: '2026-01-01' })];
    });
    const found = lacks(basis('Inpatient-Institutional', version), claim);
    expect(found).toContain('supportingInfo:admissionperiod.timing[x]:timingPeriod min');
    // The build of 2.1.0 closes the list of types, too.
    expect(found.every((each) => each.startsWith('supportingInfo:admissionperiod.timing[x]'))).toBe(true);
  });
});

/** Rules of the pages of US Core 6.1.0. */
const US_CORE_ROWS: Readonly<Record<string, readonly Row[]>> = {
  'us-core-patient': [
    ['identifier 1..*', (r) => delete r.identifier, 'Patient.identifier min'],
    ['identifier.system 1..1', (r) => delete r.identifier[0].system, 'Patient.identifier.system min'],
    ['identifier.value 1..1', (r) => delete r.identifier[0].value, 'Patient.identifier.value min'],
    ['name 1..*', (r) => delete r.name, 'Patient.name min'],
    ['gender 1..1', (r) => delete r.gender, 'Patient.gender min'],
    ['gender of administrative-gender', (r) => (r.gender = 'f'), 'Patient.gender binding'],
    ['telecom.value 1..1', (r) => (r.telecom = [{ system: 'phone' }]), 'Patient.telecom.value min'],
    ['race 0..1', (r) => r.extension.push(r.extension[0]), 'Patient.extension:race max'],
    ['race has a text', (r) => r.extension[0].extension.pop(), 'Patient.extension:race.extension:text min'],
    [
      'and one only',
      (r) => r.extension[0].extension.push(r.extension[0].extension[1]),
      'Patient.extension:race.extension:text max',
    ],
    [
      'its text is a string',
      (r) => (r.extension[0].extension[1] = { url: 'text', valueCode: 'x' }),
      'Patient.extension:race.extension:text.value[x] type',
    ],
    [
      'its category is one of OMB',
      (r) => (r.extension[0].extension[0].valueCoding.code = 'x'),
      'Patient.extension:race.extension:ombCategory.value[x] binding',
    ],
    ['race has no value', (r) => (r.extension[0].valueString = 'x'), 'Patient.extension:race.value[x] max'],
  ],
  'us-core-observation-lab': [
    ['status 1..1', (r) => delete r.status, 'Observation.status min'],
    ['status of observation-status', (r) => (r.status = 'done'), 'Observation.status binding'],
    ['category of the laboratory', (r) => (r.category = [{ text: 'x' }]), 'Observation.category:us-core min'],
    [
      'system and code of it belong together',
      (r) => (r.category[0].coding[0].system = 'x'),
      'Observation.category:us-core min',
    ],
    ['code 1..1', (r) => delete r.code, 'Observation.code min'],
    ['subject 1..1', (r) => delete r.subject, 'Observation.subject min'],
    ['the subject is a Patient', (r) => (r.subject.reference = 'Group/1'), 'Observation.subject type'],
    [
      'wherever it is',
      (r) => (r.subject.reference = 'https://x.example/fhir/Group/1/_history/2'),
      'Observation.subject type',
    ],
  ],
  'us-core-blood-pressure': [
    ['code 85354-9', (r) => (r.code.coding[0].code = '8480-6'), 'Observation.code fixed'],
    ['effective[x] 1..1', (r) => delete r.effectiveDateTime, 'Observation.effective[x] min'],
    [
      'effective[x] is a dateTime or a Period',
      (r) => {
        delete r.effectiveDateTime;
        r.effectiveInstant = '2026-01-01T00:00:00Z';
      },
      'Observation.effective[x] type',
    ],
    ['systolic 1..1', (r) => r.component.shift(), 'Observation.component min', 'Observation.component:systolic min'],
    [
      'its unit is mm[Hg]',
      (r) => (r.component[0].valueQuantity.code = 'kPa'),
      'Observation.component:systolic.value[x].code fixed',
    ],
    [
      'its value is a Quantity',
      (r) => (r.component[1] = { code: r.component[1].code, valueString: '80' }),
      'Observation.component:diastolic.value[x] type',
    ],
  ],
  'us-core-condition-problems-health-concerns': [
    ['category 1..*', (r) => delete r.category, 'Condition.category min', 'Condition.category:us-core min'],
    ['of problems', (r) => (r.category[0].coding[0].code = 'x'), 'Condition.category:us-core min'],
    ['clinicalStatus of R4', (r) => (r.clinicalStatus.coding[0].code = 'x'), 'Condition.clinicalStatus binding'],
    ['code 1..1', (r) => delete r.code, 'Condition.code min'],
  ],
  'us-core-encounter': [
    ['class 1..1', (r) => delete r.class, 'Encounter.class min'],
    ['type 1..*', (r) => delete r.type, 'Encounter.type min'],
    ['identifier.system 1..1', (r) => (r.identifier = [{ value: '1' }]), 'Encounter.identifier.system min'],
    ['location.location 1..1', (r) => (r.location = [{ status: 'active' }]), 'Encounter.location.location min'],
  ],
};

describe('R3: the profiles of US Core 6.1.0', () => {
  for (const [name, resource] of Object.entries(CLINICAL)) {
    const profile = named(`${US_CORE}${name}|6.1.0`);
    it(`${name}: a resource with what the guide demands lacks nothing`, () => {
      expect(lacks(profile, resource)).toEqual([]);
    });
    it.each(US_CORE_ROWS[name]!)(`${name}: %s`, (_rule, change, ...expected) => {
      expect(lacks(profile, changed(resource, change)).toSorted()).toEqual(expected.toSorted());
    });
  }

  it('take an element that has only extensions for present, as FHIR does', () => {
    const absent = {
      extension: [{ url: 'http://hl7.org/fhir/StructureDefinition/data-absent-reason', valueCode: 'unknown' }],
    };
    const patient = changed(CLINICAL['us-core-patient']!, (r) => {
      r.name = [absent];
      r.identifier = [{ _system: absent, _value: absent }];
      delete r.gender;
      r._gender = absent;
    });
    expect(lacks(named(`${US_CORE}us-core-patient|6.1.0`), patient)).toEqual([]);
    const pressure = changed(CLINICAL['us-core-blood-pressure']!, (r) => {
      delete r.effectiveDateTime;
      r._effectiveDateTime = absent;
      r.component[0].valueQuantity.code = undefined;
      r.component[0].valueQuantity._code = absent;
    });
    expect(lacks(named(`${US_CORE}us-core-blood-pressure|6.1.0`), pressure)).toEqual([
      // Nothing is equal to a value that is not there.
      'Observation.component:systolic.value[x].code fixed',
    ]);
  });

  it('report a lack once, however many instances have it', () => {
    const patient = changed(CLINICAL['us-core-patient']!, (r) => (r.telecom = [{}, {}, { system: 'phone' }]));
    expect(lacks(named(`${US_CORE}us-core-patient|6.1.0`), patient)).toEqual([
      'Patient.telecom.system min',
      'Patient.telecom.value min',
    ]);
  });
});

describe('the names of profiles', () => {
  it('have a version, or stand for every version that is known', () => {
    expect(profilesNamed(`${US_CORE}us-core-patient`).map(({ version }) => version)).toEqual(['6.1.0', '3.1.1']);
    expect(profilesNamed(`${US_CORE}us-core-patient|3.1.1`).map(({ guide }) => guide.name)).toEqual(['US Core']);
    expect(profilesNamed(`${US_CORE}us-core-patient|9.9.9`)).toEqual([]);
    expect(profilesNamed('http://example.org/nothing')).toEqual([]);
    expect(profilesNamed('constructor')).toEqual([]);
  });

  it('belong to a type and to a guide with a licence', () => {
    const claims = profilesOf('ExplanationOfBenefit');
    expect(claims.every(({ type }) => type === 'ExplanationOfBenefit')).toBe(true);
    expect(claims.filter(({ url }) => url.includes('C4BB')).every(({ url }) => url.endsWith('-Basis'))).toBe(true);
    expect(profilesOf('Basic')).toEqual([]);
    for (const { guide, version } of claims) expect([guide.version, guide.licence]).toEqual([version, 'CC0-1.0']);
  });

  it('say what is not checked: licensed codes and invariants', () => {
    const { unchecked } = basis('Professional-NonClinician', '2.2.0');
    expect(unchecked).toContain(
      'ExplanationOfBenefit.item.productOrService: the codes of http://www.ama-assn.org/go/cpt',
    );
    expect(unchecked).toContain('ExplanationOfBenefit.careTeam: the invariant EOB-prof-careTeam-practitioner');
  });

  it('come from the table: another object is refused', () => {
    const forged = { ...named(`${US_CORE}us-core-patient`) } as KnownProfile;
    expect(() => lacksOf(forged, CLINICAL['us-core-patient']!)).toThrow(TypeError);
  });
});

describe('any input', () => {
  it('gives the same lacks again, whatever was checked before', () => {
    const profile = basis('Oral', '2.2.0');
    const broken = changed(CLAIMS['Oral']!, (r) => delete r.item[0].adjudication);
    const before = lacks(profile, broken);
    expect(lacks(profile, CLAIMS['Oral']!)).toEqual([]);
    expect(lacks(profile, broken)).toEqual(before);
  });
  it('gives the same lacks in another order of elements, and with names that R4 does not have', () => {
    const profile = basis('Oral', '2.2.0');
    const broken = changed(CLAIMS['Oral']!, (r) => delete r.item[0].adjudication);
    const before = lacks(profile, broken);
    const reversed = Object.fromEntries(Object.entries(broken).toReversed()) as FhirResource;
    for (let n = 0; n < 1_000; n++) expect(lacks(profile, { ...reversed, [`x${n}`]: n, ...broken })).toEqual(before);
    expect(lacks(profile, reversed)).toEqual(before);
  });
  it('with many instances is counted to the end', () => {
    const identifier = Array.from({ length: 70_000 }, () => ({ system: 'http://x.example', value: '1' }));
    const patient = { ...CLINICAL['us-core-patient']!, identifier };
    expect(lacks(named(`${US_CORE}us-core-patient|6.1.0`), patient)).toEqual([]);
    const claim = {
      ...CLAIMS['Oral']!,
      identifier: identifier.map(() => (CLAIMS['Oral']!['identifier'] as object[])[0]),
    };
    expect(lacks(basis('Oral', '2.2.0'), claim)).toEqual(['identifier:uniqueclaimid max']);
  });
});

const SUPPORTED = `${PDEX}pdex-priorauthorization`;
describe('the profile of prior authorizations', () => {
  it('closes its lists of adjudications', () => {
    const discriminator = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PDexAdjudicationDiscriminator';
    const denied = { category: coded(discriminator, 'denialreason'), reason: { text: 'x' } };
    const found = (adjudication: object[]) =>
      lacks(named(SUPPORTED), { resourceType: 'ExplanationOfBenefit', adjudication }).filter((each) =>
        each.startsWith('adjudication'),
      );
    expect(found([{ category: { text: 'other' } }])).toEqual(['adjudication.category binding', 'adjudication slicing']);
    expect(found([{ category: coded(discriminator, 'allowedunits'), value: 1 }])).toEqual(['adjudication slicing']);
    expect(found([denied])).toEqual(['adjudication:denialreason.reason binding']);
  });
});
