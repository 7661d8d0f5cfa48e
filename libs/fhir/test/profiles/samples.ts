import type { FhirResource } from '../../src/types.ts';

export const US_CORE = 'http://hl7.org/fhir/us/core/StructureDefinition/';
export const CARIN = 'http://hl7.org/fhir/us/carin-bb/StructureDefinition/';
export const PDEX = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/';
const C4BB = 'http://hl7.org/fhir/us/carin-bb/CodeSystem/';
const THO = 'http://terminology.hl7.org/CodeSystem/';

export const coded = (system: string, code: string) => ({ coding: [{ system, code }] });
export const info = (sequence: number, kind: string, more: object) => ({
  sequence,
  category: coded(`${C4BB}C4BBSupportingInfoType`, kind),
  ...more,
});
const adjudged = (kind: string, status: string) => ({
  category: coded(`${C4BB}C4BBAdjudicationDiscriminator`, kind),
  reason: coded(`${C4BB}C4BBPayerAdjudicationStatus`, status),
});
const covered = adjudged('benefitpaymentstatus', 'innetwork');
const diagnosis = (type: object) => [
  { sequence: 1, diagnosisCodeableConcept: coded('http://hl7.org/fhir/sid/icd-10-cm', 'E11.9'), type: [type] },
];
const cpt = coded('http://www.ama-assn.org/go/cpt', '99213');

/** What every Basis profile of CARIN BB 2.1.0 asks for (the table of SPEC.md, section 7.3, and base R4). */
function claim(kind: string, more: object): FhirResource {
  return {
    resourceType: 'ExplanationOfBenefit',
    meta: { lastUpdated: '2026-01-01T00:00:00Z', profile: [`${CARIN}C4BB-ExplanationOfBenefit-${kind}-Basis`] },
    identifier: [{ type: coded(`${C4BB}C4BBIdentifierType`, 'uc'), value: 'claim-1' }],
    status: 'active',
    use: 'claim',
    patient: { reference: 'Patient/1' },
    billablePeriod: { start: '2026-01-01', end: '2026-01-02' },
    created: '2026-01-03',
    insurer: { reference: 'Organization/payer' },
    provider: { reference: 'Organization/provider' },
    outcome: 'complete',
    insurance: [{ focal: true, coverage: { reference: 'Coverage/1' } }],
    ...more,
  };
}

/** One conforming claim for each Basis profile. */
export const CLAIMS: Readonly<Record<string, FhirResource>> = {
  'Inpatient-Institutional': claim('Inpatient-Institutional', {
    type: coded(`${THO}claim-type`, 'institutional'),
    subType: coded(`${C4BB}C4BBInstitutionalClaimSubType`, 'inpatient'),
    diagnosis: diagnosis(coded(`${THO}ex-diagnosistype`, 'principal')),
    supportingInfo: [info(1, 'admissionperiod', { timingPeriod: { start: '2026-01-01' } })],
    adjudication: [covered],
    item: [
      { sequence: 1, revenue: coded('https://www.nubc.org/CodeSystem/RevenueCodes', '0450'), productOrService: cpt },
    ],
  }),
  'Outpatient-Institutional': claim('Outpatient-Institutional', {
    type: coded(`${THO}claim-type`, 'institutional'),
    subType: coded(`${C4BB}C4BBInstitutionalClaimSubType`, 'outpatient'),
    diagnosis: diagnosis(coded(`${THO}ex-diagnosistype`, 'principal')),
    adjudication: [covered],
    item: [{ sequence: 1, productOrService: cpt, servicedDate: '2026-01-01' }],
  }),
  'Professional-NonClinician': claim('Professional-NonClinician', {
    type: coded(`${THO}claim-type`, 'professional'),
    diagnosis: diagnosis(coded(`${THO}ex-diagnosistype`, 'principal')),
    item: [
      {
        sequence: 1,
        productOrService: cpt,
        servicedDate: '2026-01-01',
        locationCodeableConcept: coded(
          'https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set',
          '11',
        ),
        adjudication: [covered],
      },
    ],
  }),
  Oral: claim('Oral', {
    provider: { reference: 'Practitioner/provider' },
    type: coded(`${THO}claim-type`, 'oral'),
    adjudication: [adjudged('renderingnetworkstatus', 'innetwork'), covered],
    item: [
      {
        sequence: 1,
        productOrService: coded('http://www.ada.org/cdt', 'D0120'),
        servicedDate: '2026-01-01',
        locationCodeableConcept: coded(
          'https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set',
          '11',
        ),
        adjudication: [covered],
      },
    ],
  }),
  Pharmacy: claim('Pharmacy', {
    type: coded(`${THO}claim-type`, 'pharmacy'),
    supportingInfo: [
      info(1, 'dayssupply', { valueQuantity: { value: 30 } }),
      info(2, 'dawcode', { code: coded(`${THO}NCPDPDispensedAsWrittenOrProductSelectionCode`, '1') }),
      info(3, 'refillnum', { valueQuantity: { value: 0 } }),
      info(4, 'refillsauthorized', { valueQuantity: { value: 2 } }),
    ],
    adjudication: [covered],
    item: [
      { sequence: 1, productOrService: coded('http://hl7.org/fhir/sid/ndc', '00378-0221'), servicedDate: '2026-01-01' },
    ],
  }),
};

/** Resources that conform to profiles of US Core 6.1.0, by the name of the profile. */
export const CLINICAL: Readonly<Record<string, FhirResource>> = {
  'us-core-patient': {
    resourceType: 'Patient',
    identifier: [{ system: 'http://payer.example.org/members', value: '1' }],
    name: [{ family: 'Doe' }],
    gender: 'female',
    extension: [
      {
        url: `${US_CORE}us-core-race`,
        extension: [
          { url: 'ombCategory', valueCoding: { system: 'urn:oid:2.16.840.1.113883.6.238', code: '2106-3' } },
          { url: 'text', valueString: 'White' },
        ],
      },
    ],
  },
  'us-core-observation-lab': {
    resourceType: 'Observation',
    status: 'final',
    category: [coded(`${THO}observation-category`, 'laboratory')],
    code: coded('http://loinc.org', '4548-4'),
    subject: { reference: 'Patient/1' },
    effectiveDateTime: '2026-01-01',
    valueQuantity: { value: 6.1, unit: '%', system: 'http://unitsofmeasure.org', code: '%' },
  },
  'us-core-blood-pressure': {
    resourceType: 'Observation',
    status: 'final',
    category: [coded(`${THO}observation-category`, 'vital-signs')],
    code: coded('http://loinc.org', '85354-9'),
    subject: { reference: 'Patient/1' },
    effectiveDateTime: '2026-01-01',
    component: ['8480-6', '8462-4'].map((code) => ({
      code: coded('http://loinc.org', code),
      valueQuantity: { value: 120, unit: 'mmHg', system: 'http://unitsofmeasure.org', code: 'mm[Hg]' },
    })),
  },
  'us-core-condition-problems-health-concerns': {
    resourceType: 'Condition',
    clinicalStatus: coded(`${THO}condition-clinical`, 'active'),
    category: [coded(`${THO}condition-category`, 'problem-list-item')],
    code: coded('http://snomed.info/sct', '44054006'),
    subject: { reference: 'Patient/1' },
  },
  'us-core-encounter': {
    resourceType: 'Encounter',
    status: 'finished',
    class: { system: `${THO}v3-ActCode`, code: 'AMB' },
    type: [{ text: 'visit' }],
    subject: { reference: 'Patient/1' },
  },
};
