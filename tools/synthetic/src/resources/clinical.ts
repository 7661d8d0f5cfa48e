import { flat } from '../flat.ts';
import { dateOf, HOUR, instantOf, secondOf } from '../calendar.ts';
import type { Allergy, Disease, Service } from '../catalogue.ts';
import type { Member } from '../member.ts';
import {
  coded,
  CPT,
  ICD10,
  kept,
  organization,
  PAYER,
  reference,
  type Resource,
  SNOMED,
  THO,
  usCore,
} from '../profiles.ts';
import type { RosterPractitioner } from '../roster.ts';
import { meta, subject, doctor } from './elements.ts';

const ENCOUNTER = flat(PAYER, '/encounter');
const STAY = { system: flat(THO, 'v3-ActCode'), code: 'IMP' };
const VISIT = { system: flat(THO, 'v3-ActCode'), code: 'AMB' };
const PERFORMER = [coded(flat(THO, 'v3-ParticipationType'), 'PPRF')];
const HOME = coded('http://www.nubc.org/patient-discharge', '01');
const CONFIRMED = coded(flat(THO, 'condition-ver-status'), 'confirmed');
const stateOf = kept((state) => coded(flat(THO, 'condition-clinical'), state));
const categoryOf = kept((category) => [coded(flat(THO, 'condition-category'), category)]);
const location = kept((id) => reference('Location', id));

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
    identifier: [{ use: 'official', system: ENCOUNTER, value: id }],
    status: 'finished',
    class: inpatient ? STAY : VISIT,
    type: [coded(CPT, inpatient ? '99223' : '99213', undefined, visitText)],
    subject: subject(m),
    participant: [
      {
        type: PERFORMER,
        individual: doctor(p),
        period: { start: secondOf(start), end: secondOf(end) },
      },
    ],
    period: { start: secondOf(start), end: secondOf(end) },
    reasonCode: [coded(SNOMED, disease.snomed, undefined, disease.text)],
    ...(inpatient && {
      hospitalization: { dischargeDisposition: HOME },
    }),
    location: [{ location: location(inpatient ? hospital.location : m.home.locations[0]!) }],
    serviceProvider: organization(inpatient ? hospital.organization : m.home.id),
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
    clinicalStatus: stateOf(state),
    verificationStatus: CONFIRMED,
    category: categoryOf(problem ? 'problem-list-item' : 'encounter-diagnosis'),
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
    location: location(m.home.locations[0]!),
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

export const allergy = (m: Member, id: string, [code, text, category]: Allergy, at: number): Resource => ({
  resourceType: 'AllergyIntolerance',
  id,
  meta: meta(at, usCore('us-core-allergyintolerance')),
  clinicalStatus: coded(flat(THO, 'allergyintolerance-clinical'), 'active'),
  verificationStatus: coded(flat(THO, 'allergyintolerance-verification'), 'confirmed'),
  category: [category],
  criticality: 'high',
  code: coded(SNOMED, code, undefined, text),
  patient: subject(m),
  recordedDate: secondOf(at),
  reaction: [{ manifestation: [coded(SNOMED, '271807003', undefined, 'skin rash')], severity: 'mild' }],
});

export const device = (m: Member, id: string, at: number): Resource => ({
  resourceType: 'Device',
  id,
  meta: meta(at, usCore('us-core-implantable-device')),
  udiCarrier: [
    { deviceIdentifier: '09504000059118', carrierHRF: flat('(01)09504000059118(17)341120(10)7654321D(21)', id) },
  ],
  status: 'active',
  distinctIdentifier: id,
  manufactureDate: dateOf(at - 200 * 24 * HOUR),
  expirationDate: '2034-11-20',
  lotNumber: '7654321D',
  serialNumber: id,
  type: coded(SNOMED, '468063009', undefined, 'Coated femoral stem prosthesis, modular'),
  patient: subject(m),
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
      type: coded(flat(THO, 'provenance-participant-type'), 'author', 'Author'),
      who: doctor(p),
      onBehalfOf: organization(m.home.id),
    },
    {
      type: coded(
        'http://hl7.org/fhir/us/core/CodeSystem/us-core-provenance-participant-type',
        'transmitter',
        'Transmitter',
      ),
      who: organization(payer),
    },
  ],
});
