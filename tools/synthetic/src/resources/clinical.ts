import { dateOf, HOUR, instantOf, secondOf } from '../calendar.ts';
import {
  type Allergy,
  type Disease,
  type Drug,
  type LabTest,
  NOTE_TYPES,
  type Panel,
  type Service,
  type Vaccine,
} from '../catalogue.ts';
import type { Member } from '../member.ts';
import {
  coded,
  CPT,
  CVX,
  ICD10,
  type Json,
  LOINC,
  NDC,
  PAYER,
  quantity,
  reference,
  type Resource,
  RXNORM,
  SNOMED,
  THO,
  usCore,
} from '../profiles.ts';
import type { Random } from '../random.ts';
import type { RosterPractitioner } from '../roster.ts';

const meta = (time: number, ...profile: string[]): Json => ({ lastUpdated: instantOf(time), profile });
const subject = (member: Member): Json => ({
  ...reference('Patient', member.id),
  display: `${member.given} ${member.family}`,
});
const doctor = (p: RosterPractitioner): Json => reference('Practitioner', p.id);
/** Shared by all, because nobody changes a resource in place. */
const VITAL_SIGNS = [coded(`${THO}observation-category`, 'vital-signs', 'Vital Signs')];
const LABORATORY = [coded(`${THO}observation-category`, 'laboratory', 'Laboratory')];
const SOCIAL_HISTORY = [coded(`${THO}observation-category`, 'social-history', 'Social History')];
const SURVEY = [coded(`${THO}observation-category`, 'survey', 'Survey')];
const SYSTOLIC = coded(LOINC, '8480-6', undefined, 'Systolic blood pressure');
const DIASTOLIC = coded(LOINC, '8462-4', undefined, 'Diastolic blood pressure');

export function encounter(
  m: Member,
  id: string,
  start: number,
  end: number,
  inpatient: boolean,
  p: RosterPractitioner,
  disease: Disease,
  visitText: string,
  hospital: { organization: string; location: string },
): Resource {
  return {
    resourceType: 'Encounter',
    id,
    meta: meta(end, usCore('us-core-encounter')),
    identifier: [{ use: 'official', system: `${PAYER}/encounter`, value: id }],
    status: 'finished',
    class: { system: `${THO}v3-ActCode`, code: inpatient ? 'IMP' : 'AMB' },
    type: [coded(CPT, inpatient ? '99223' : '99213', undefined, visitText)],
    subject: subject(m),
    participant: [
      {
        type: [coded(`${THO}v3-ParticipationType`, 'PPRF')],
        individual: doctor(p),
        period: { start: secondOf(start), end: secondOf(end) },
      },
    ],
    period: { start: secondOf(start), end: secondOf(end) },
    reasonCode: [coded(SNOMED, disease.snomed, undefined, disease.text)],
    ...(inpatient && {
      hospitalization: { dischargeDisposition: coded('http://www.nubc.org/patient-discharge', '01') },
    }),
    location: [{ location: reference('Location', inpatient ? hospital.location : m.home.locations[0]!) }],
    serviceProvider: reference('Organization', inpatient ? hospital.organization : m.home.id),
  };
}

/** A vital sign in the form of the US Core vital-signs profiles. */
export function vital(
  m: Member,
  id: string,
  profile: string,
  loinc: string,
  text: string,
  value: Json,
  at: number,
  encounterId: string,
  p: RosterPractitioner,
): Resource {
  return {
    resourceType: 'Observation',
    id,
    meta: meta(at + HOUR, usCore(profile)),
    status: 'final',
    category: VITAL_SIGNS,
    code: coded(LOINC, loinc, undefined, text),
    subject: subject(m),
    encounter: reference('Encounter', encounterId),
    effectiveDateTime: secondOf(at),
    issued: instantOf(at + HOUR),
    performer: [doctor(p)],
    ...value,
  };
}
export const bloodPressure = (systolic: number, diastolic: number): Json => ({
  component: [
    { code: SYSTOLIC, valueQuantity: quantity(systolic, 'mmHg', 'mm[Hg]') },
    { code: DIASTOLIC, valueQuantity: quantity(diastolic, 'mmHg', 'mm[Hg]') },
  ],
});

export function labResult(
  m: Member,
  id: string,
  test: LabTest,
  random: Random,
  at: number,
  encounterId: string,
  specimenId: string | undefined,
  laboratory: string,
): Resource {
  const value = Number((test.low + random.unit() * (test.high - test.low)).toFixed(test.digits));
  return {
    resourceType: 'Observation',
    id,
    meta: meta(at + 20 * HOUR, usCore('us-core-observation-lab')),
    status: 'final',
    category: LABORATORY,
    code: coded(LOINC, test.loinc, undefined, test.text),
    subject: subject(m),
    encounter: reference('Encounter', encounterId),
    effectiveDateTime: secondOf(at),
    issued: instantOf(at + 20 * HOUR),
    performer: [reference('Organization', laboratory)],
    valueQuantity: quantity(value, test.unit, test.ucum),
    referenceRange: [
      { low: quantity(test.low, test.unit, test.ucum), high: quantity(test.high, test.unit, test.ucum) },
    ],
    ...(specimenId !== undefined && { specimen: reference('Specimen', specimenId) }),
  };
}

export const specimen = (m: Member, id: string, at: number): Resource => ({
  resourceType: 'Specimen',
  id,
  meta: meta(at + HOUR, usCore('us-core-specimen')),
  accessionIdentifier: { system: `${PAYER}/accession`, value: id },
  type: coded(SNOMED, '119364003', undefined, 'Serum specimen'),
  subject: subject(m),
  collection: { collectedDateTime: secondOf(at) },
});

export const labReport = (
  m: Member,
  id: string,
  panel: Panel,
  results: readonly string[],
  at: number,
  encounterId: string,
  laboratory: string,
): Resource => ({
  resourceType: 'DiagnosticReport',
  id,
  meta: meta(at + 21 * HOUR, usCore('us-core-diagnosticreport-lab')),
  status: 'final',
  category: [coded(`${THO}v2-0074`, 'LAB', 'Laboratory')],
  code: coded(LOINC, panel.loinc, undefined, panel.text),
  subject: subject(m),
  encounter: reference('Encounter', encounterId),
  effectiveDateTime: secondOf(at),
  issued: instantOf(at + 21 * HOUR),
  performer: [reference('Organization', laboratory)],
  result: results.map((r) => reference('Observation', r)),
});

const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
export function noteText(m: Member, disease: Disease, at: number, random: Random): string {
  return (
    `Visit of ${dateOf(at)}. Patient ${m.given} ${m.family}, ${m.age} years. Presents with ` +
    `${disease.text.toLowerCase()}. ${random.pick(SENTENCES)} ${random.pick(SENTENCES)} ${random.pick(SENTENCES)} ` +
    `${random.pick(SENTENCES)} Plan: ${random.pick(PLANS)}`
  );
}
const SENTENCES = [
  'No fever, no weight loss, appetite unchanged.',
  'Reports taking medication as prescribed with no side effects.',
  'Lungs clear, heart sounds regular, abdomen soft, no edema.',
  'Sleep is fair; exercise is limited by pain and work hours.',
  'Lives with family, does not drink alcohol.',
  'Blood pressure readings at home are in the expected range; brings a written log of the last four weeks.',
  'Reviewed laboratory results with the patient and answered all questions at length.',
] as const;
const PLANS = [
  'continue current therapy, return in three months.',
  'adjust dose, repeat laboratory tests in six weeks.',
  'refer to physical therapy, follow up by telephone.',
  'reassurance; return if symptoms persist beyond ten days.',
] as const;

export const noteReport = (
  m: Member,
  id: string,
  text: string,
  at: number,
  encounterId: string,
  p: RosterPractitioner,
): Resource => ({
  resourceType: 'DiagnosticReport',
  id,
  meta: meta(at + HOUR, usCore('us-core-diagnosticreport-note')),
  status: 'final',
  category: [coded(LOINC, 'LP29684-5', undefined, 'Radiology')],
  code: coded(LOINC, '30746-2', undefined, 'Portable XR Chest Views'),
  subject: subject(m),
  encounter: reference('Encounter', encounterId),
  effectiveDateTime: secondOf(at),
  issued: instantOf(at + HOUR),
  performer: [doctor(p)],
  presentedForm: [{ contentType: 'text/plain', data: base64(text) }],
});

export function documentReference(
  m: Member,
  id: string,
  text: string,
  at: number,
  encounterId: string | undefined,
  p: RosterPractitioner,
  type: readonly [string, string] = NOTE_TYPES[0],
): Resource {
  return {
    resourceType: 'DocumentReference',
    id,
    meta: meta(at + HOUR, usCore('us-core-documentreference')),
    identifier: [{ system: `${PAYER}/document`, value: id }],
    status: 'current',
    type: coded(LOINC, type[0], undefined, type[1]),
    category: [
      coded(
        'http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category',
        'clinical-note',
        'Clinical Note',
      ),
    ],
    subject: subject(m),
    date: instantOf(at + HOUR),
    author: [doctor(p)],
    custodian: reference('Organization', m.home.id),
    content: [
      {
        attachment: { contentType: 'text/plain; charset=utf-8', data: base64(text) },
        format: {
          system: 'http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode',
          code: 'urn:ihe:iti:xds:2017:mimeTypeSufficient',
        },
      },
    ],
    context: {
      ...(encounterId !== undefined && { encounter: [reference('Encounter', encounterId)] }),
      period: { start: secondOf(at), end: secondOf(at + HOUR) },
    },
  };
}

export function condition(
  m: Member,
  id: string,
  disease: Disease,
  onset: number,
  recorded: number,
  kind: 'problem' | 'encounter',
  state: 'active' | 'resolved',
  abated?: number,
  encounterId?: string,
): Resource {
  const problem = kind === 'problem';
  return {
    resourceType: 'Condition',
    id,
    meta: meta(
      recorded,
      usCore(problem ? 'us-core-condition-problems-health-concerns' : 'us-core-condition-encounter-diagnosis'),
    ),
    clinicalStatus: coded(`${THO}condition-clinical`, state),
    verificationStatus: coded(`${THO}condition-ver-status`, 'confirmed'),
    category: [coded(`${THO}condition-category`, problem ? 'problem-list-item' : 'encounter-diagnosis')],
    code: {
      coding: [
        { system: SNOMED, code: disease.snomed },
        { system: ICD10, code: disease.icd },
      ],
      text: disease.text,
    },
    subject: subject(m),
    ...(encounterId !== undefined && { encounter: reference('Encounter', encounterId) }),
    onsetDateTime: dateOf(onset),
    ...(abated !== undefined && { abatementDateTime: dateOf(abated) }),
    recordedDate: secondOf(recorded),
  };
}

export function procedure(
  m: Member,
  id: string,
  service: Service,
  start: number,
  encounterId: string | undefined,
  p: RosterPractitioner,
): Resource {
  return {
    resourceType: 'Procedure',
    id,
    meta: meta(start + HOUR, usCore('us-core-procedure')),
    status: 'completed',
    code: coded(CPT, service.cpt, undefined, service.text),
    subject: subject(m),
    ...(encounterId !== undefined && { encounter: reference('Encounter', encounterId) }),
    performedPeriod: { start: secondOf(start), end: secondOf(start + HOUR / 2) },
    performer: [{ actor: doctor(p) }],
    location: reference('Location', m.home.locations[0]!),
  };
}

export function serviceRequest(
  m: Member,
  id: string,
  service: Service,
  at: number,
  encounterId: string,
  p: RosterPractitioner,
  status: 'active' | 'completed',
): Resource {
  return {
    resourceType: 'ServiceRequest',
    id,
    meta: meta(at, usCore('us-core-servicerequest')),
    status,
    intent: 'order',
    category: [coded(SNOMED, '386053000', undefined, 'Evaluation procedure')],
    code: coded(CPT, service.cpt, undefined, service.text),
    subject: subject(m),
    encounter: reference('Encounter', encounterId),
    occurrenceDateTime: secondOf(at),
    authoredOn: secondOf(at),
    requester: doctor(p),
  };
}

export function medicationRequest(
  m: Member,
  id: string,
  drug: Drug,
  at: number,
  encounterId: string | undefined,
  p: RosterPractitioner,
  status: 'active' | 'completed' | 'stopped',
  medicationId?: string,
): Resource {
  return {
    resourceType: 'MedicationRequest',
    id,
    meta: meta(at, usCore('us-core-medicationrequest')),
    status,
    intent: 'order',
    category: [coded(`${THO}medicationrequest-category`, 'community')],
    reportedBoolean: false,
    ...(medicationId !== undefined
      ? { medicationReference: reference('Medication', medicationId) }
      : { medicationCodeableConcept: coded(RXNORM, drug.rxnorm, undefined, drug.text) }),
    subject: subject(m),
    ...(encounterId !== undefined && { encounter: reference('Encounter', encounterId) }),
    authoredOn: secondOf(at),
    requester: doctor(p),
    dosageInstruction: [
      { text: `1 ${drug.unit} daily`, timing: { repeat: { frequency: 1, period: 1, periodUnit: 'd' } } },
    ],
    dispenseRequest: {
      numberOfRepeatsAllowed: 5,
      quantity: { value: 30, unit: drug.unit },
      expectedSupplyDuration: quantity(30, 'days', 'd'),
    },
  };
}

export const medication = (m: Member, id: string, drug: Drug, time: number): Resource => ({
  resourceType: 'Medication',
  id,
  meta: meta(time, usCore('us-core-medication')),
  identifier: [{ system: `${PAYER}/medication`, value: `${m.id}-${drug.rxnorm}` }],
  code: {
    coding: [
      { system: RXNORM, code: drug.rxnorm },
      { system: NDC, code: drug.ndc },
    ],
    text: drug.text,
  },
  status: 'active',
});

export const medicationDispense = (
  m: Member,
  id: string,
  drug: Drug,
  requestId: string,
  first: boolean,
  at: number,
  pharmacy: string,
): Resource => ({
  resourceType: 'MedicationDispense',
  id,
  meta: meta(at + HOUR, usCore('us-core-medicationdispense')),
  status: 'completed',
  medicationCodeableConcept: coded(RXNORM, drug.rxnorm, undefined, drug.text),
  subject: subject(m),
  performer: [{ actor: reference('Organization', pharmacy) }],
  authorizingPrescription: [reference('MedicationRequest', requestId)],
  type: coded(`${THO}v3-ActCode`, first ? 'FFC' : 'RFC'),
  quantity: { value: 30, unit: drug.unit },
  daysSupply: quantity(30, 'days', 'd'),
  whenHandedOver: secondOf(at),
  dosageInstruction: [{ text: `1 ${drug.unit} daily` }],
});

export function immunization(m: Member, id: string, vaccine: Vaccine, at: number, p: RosterPractitioner): Resource {
  return {
    resourceType: 'Immunization',
    id,
    meta: meta(at + HOUR, usCore('us-core-immunization')),
    status: 'completed',
    vaccineCode: coded(CVX, vaccine[0], undefined, vaccine[1]),
    patient: subject(m),
    occurrenceDateTime: secondOf(at),
    primarySource: true,
    location: reference('Location', m.home.locations[0]!),
    performer: [{ actor: doctor(p) }],
  };
}

export const allergy = (m: Member, id: string, [code, text, category]: Allergy, at: number): Resource => ({
  resourceType: 'AllergyIntolerance',
  id,
  meta: meta(at, usCore('us-core-allergyintolerance')),
  clinicalStatus: coded(`${THO}allergyintolerance-clinical`, 'active'),
  verificationStatus: coded(`${THO}allergyintolerance-verification`, 'confirmed'),
  category: [category],
  criticality: 'high',
  code: coded(SNOMED, code, undefined, text),
  patient: subject(m),
  recordedDate: secondOf(at),
  reaction: [{ manifestation: [coded(SNOMED, '271807003', undefined, 'skin rash')], severity: 'mild' }],
});

export function carePlan(
  m: Member,
  id: string,
  start: number,
  recorded: number,
  disease: Disease,
  teamId: string,
  goalId: string,
  status: 'active' | 'completed',
): Resource {
  return {
    resourceType: 'CarePlan',
    id,
    meta: meta(recorded, usCore('us-core-careplan')),
    text: {
      status: 'additional',
      div:
        `<div xmlns="http://www.w3.org/1999/xhtml"><p>Plan for ${disease.text}: medication, diet and exercise, ` +
        'follow-up every three months.</p></div>',
    },
    status,
    intent: 'plan',
    category: [coded('http://hl7.org/fhir/us/core/CodeSystem/careplan-category', 'assess-plan')],
    title: `Plan for ${disease.text}`,
    subject: subject(m),
    period: { start: dateOf(start) },
    careTeam: [reference('CareTeam', teamId)],
    goal: [reference('Goal', goalId)],
    activity: [
      {
        detail: {
          code: coded(SNOMED, '229065009', undefined, 'Exercise therapy'),
          status: 'in-progress',
          description: 'Exercise three times a week',
        },
      },
    ],
  };
}

export const goal = (m: Member, id: string, disease: Disease, start: number): Resource => ({
  resourceType: 'Goal',
  id,
  meta: meta(start, usCore('us-core-goal')),
  lifecycleStatus: 'active',
  description: { text: `Control of ${disease.text.toLowerCase()} within twelve months` },
  subject: subject(m),
  startDate: dateOf(start),
  target: [{ dueDate: dateOf(start + 365 * 24 * HOUR) }],
});

export const careTeam = (
  m: Member,
  id: string,
  start: number,
  recorded: number,
  members: readonly RosterPractitioner[],
): Resource => ({
  resourceType: 'CareTeam',
  id,
  meta: meta(recorded, usCore('us-core-careteam')),
  status: 'active',
  name: `Care team of ${m.given} ${m.family}`,
  subject: subject(m),
  period: { start: dateOf(start) },
  participant: members.map((p, i) => ({
    role: [
      coded(
        SNOMED,
        i === 0 ? '453231000124104' : '17561000',
        undefined,
        i === 0 ? 'Primary care provider' : 'Cardiologist',
      ),
    ],
    member: i === 0 ? doctor(p) : reference('PractitionerRole', p.role),
    ...(i === 0 && { onBehalfOf: reference('Organization', m.home.id) }),
  })),
  managingOrganization: [reference('Organization', m.home.id)],
});

export const device = (m: Member, id: string, at: number): Resource => ({
  resourceType: 'Device',
  id,
  meta: meta(at, usCore('us-core-implantable-device')),
  udiCarrier: [{ deviceIdentifier: '09504000059118', carrierHRF: `(01)09504000059118(17)341120(10)7654321D(21)${id}` }],
  status: 'active',
  distinctIdentifier: id,
  manufactureDate: dateOf(at - 200 * 24 * HOUR),
  expirationDate: '2034-11-20',
  lotNumber: '7654321D',
  serialNumber: id,
  type: coded(SNOMED, '468063009', undefined, 'Coated femoral stem prosthesis, modular'),
  patient: subject(m),
});

export const smokingStatus = (m: Member, id: string, at: number, code: string, text: string): Resource => ({
  resourceType: 'Observation',
  id,
  meta: meta(at, usCore('us-core-smokingstatus')),
  status: 'final',
  category: SOCIAL_HISTORY,
  code: coded(LOINC, '72166-2', undefined, 'Tobacco smoking status'),
  subject: subject(m),
  effectiveDateTime: secondOf(at),
  issued: instantOf(at),
  valueCodeableConcept: coded(SNOMED, code, undefined, text),
});

export const screening = (
  m: Member,
  id: string,
  at: number,
  score: number,
  encounterId: string,
  p: RosterPractitioner,
): Resource => ({
  resourceType: 'Observation',
  id,
  meta: meta(at, usCore('us-core-observation-screening-assessment')),
  status: 'final',
  category: SURVEY,
  code: coded(LOINC, '44261-6', undefined, 'Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]'),
  subject: subject(m),
  encounter: reference('Encounter', encounterId),
  effectiveDateTime: secondOf(at),
  issued: instantOf(at),
  performer: [doctor(p)],
  valueQuantity: quantity(score, '{score}'),
});

/** One for many targets, as payers send it: author and transmitter. */
export const provenance = (
  m: Member,
  id: string,
  targets: readonly string[],
  at: number,
  p: RosterPractitioner,
  payer: string,
): Resource => ({
  resourceType: 'Provenance',
  id,
  meta: meta(at, usCore('us-core-provenance')),
  target: targets.map((t) => ({ reference: t })),
  recorded: instantOf(at),
  agent: [
    {
      type: coded(`${THO}provenance-participant-type`, 'author', 'Author'),
      who: doctor(p),
      onBehalfOf: reference('Organization', m.home.id),
    },
    {
      type: coded(
        'http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type',
        'transmitter',
        'Transmitter',
      ),
      who: reference('Organization', payer),
    },
  ],
});
