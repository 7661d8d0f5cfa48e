import { flat } from '../flat.ts';
import { dateOf, HOUR, instantOf, secondOf } from '../calendar.ts';
import { type Disease, NOTE_TYPES } from '../catalogue.ts';
import type { Member } from '../member.ts';
import { coded, LOINC, organization, PAYER, reference, type Resource, usCore } from '../profiles.ts';
import type { Random } from '../random.ts';
import type { RosterPractitioner } from '../roster.ts';
import { meta, subject, doctor } from './elements.ts';

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

const DOCUMENT = flat(PAYER, '/document');
const CLINICAL_NOTE = [
  coded('http://hl7.org/fhir/us/core/CodeSystem/us-core-documentreference-category', 'clinical-note', 'Clinical Note'),
];
const FORMAT = {
  system: 'http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode',
  code: 'urn:ihe:iti:xds:2017:mimeTypeSufficient',
};
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
    identifier: [{ system: DOCUMENT, value: id }],
    status: 'current',
    type: coded(LOINC, type[0], undefined, type[1]),
    category: CLINICAL_NOTE,
    subject: subject(m),
    date: instantOf(at + HOUR),
    author: [doctor(p)],
    custodian: organization(m.home.id),
    content: [
      {
        attachment: { contentType: 'text/plain; charset=utf-8', data: base64(text) },
        format: FORMAT,
      },
    ],
    context: {
      ...(encounterId !== undefined && { encounter: [reference('Encounter', encounterId)] }),
      period: { start: secondOf(at), end: secondOf(at + HOUR) },
    },
  };
}
