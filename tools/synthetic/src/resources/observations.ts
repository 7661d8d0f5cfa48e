import { flat } from '../flat.ts';
import { HOUR, instantOf, secondOf } from '../calendar.ts';
import type { LabTest, Panel } from '../catalogue.ts';
import type { Member } from '../member.ts';
import {
  coded,
  type Json,
  LOINC,
  organization,
  PAYER,
  quantity,
  reference,
  type Resource,
  SNOMED,
  THO,
  usCore,
} from '../profiles.ts';
import type { Random } from '../random.ts';
import type { RosterPractitioner } from '../roster.ts';
import { meta, subject, doctor } from './elements.ts';

/** Shared by all, because nobody changes a resource in place. */
const VITAL_SIGNS = [coded(flat(THO, 'observation-category'), 'vital-signs', 'Vital Signs')];
const LABORATORY = [coded(flat(THO, 'observation-category'), 'laboratory', 'Laboratory')];
const SOCIAL_HISTORY = [coded(flat(THO, 'observation-category'), 'social-history', 'Social History')];
const SURVEY = [coded(flat(THO, 'observation-category'), 'survey', 'Survey')];
const SYSTOLIC = coded(LOINC, '8480-6', undefined, 'Systolic blood pressure');
const DIASTOLIC = coded(LOINC, '8462-4', undefined, 'Diastolic blood pressure');
const TOBACCO = coded(LOINC, '72166-2', undefined, 'Tobacco smoking status');
const PHQ_9 = coded(LOINC, '44261-6', undefined, 'Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]');

const ACCESSION = flat(PAYER, '/accession');
const SERUM = coded(SNOMED, '119364003', undefined, 'Serum specimen');
const LAB = [coded(flat(THO, 'v2-0074'), 'LAB', 'Laboratory')];

/** LOINC has one text for a code. */
const loincCodes = new Map<string, Json>();
function loincCode(code: string, text: string): Json {
  let known = loincCodes.get(code);
  if (known === undefined) loincCodes.set(code, (known = coded(LOINC, code, undefined, text)));
  return known;
}
const ranges = new WeakMap<LabTest, Json[]>();
function rangeOf(test: LabTest): Json[] {
  let known = ranges.get(test);
  if (known === undefined) {
    known = [{ low: quantity(test.low, test.ucum, test.ucum), high: quantity(test.high, test.ucum, test.ucum) }];
    ranges.set(test, known);
  }
  return known;
}

/** What every Observation here has. `issued` is also its last change. */
const observation = (
  m: Member,
  id: string,
  profile: string,
  category: Json[],
  code: Json,
  at: number,
  issued: number,
  more: Json,
): Resource => ({
  resourceType: 'Observation',
  id,
  meta: meta(issued, usCore(profile)),
  status: 'final',
  category,
  code,
  subject: subject(m),
  effectiveDateTime: secondOf(at),
  issued: instantOf(issued),
  ...more,
});

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
  return observation(m, id, profile, VITAL_SIGNS, loincCode(loinc, text), at, at + HOUR, {
    encounter: reference('Encounter', encounterId),
    performer: [doctor(p)],
    ...value,
  });
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
  const code = loincCode(test.loinc, test.text);
  return observation(m, id, 'us-core-observation-lab', LABORATORY, code, at, at + 20 * HOUR, {
    encounter: reference('Encounter', encounterId),
    performer: [organization(laboratory)],
    valueQuantity: quantity(value, test.ucum, test.ucum),
    referenceRange: rangeOf(test),
    ...(specimenId !== undefined && { specimen: reference('Specimen', specimenId) }),
  });
}

export const specimen = (m: Member, id: string, at: number): Resource => ({
  resourceType: 'Specimen',
  id,
  meta: meta(at + HOUR, usCore('us-core-specimen')),
  accessionIdentifier: { system: ACCESSION, value: id },
  type: SERUM,
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
  category: LAB,
  code: loincCode(panel.loinc, panel.text),
  subject: subject(m),
  encounter: reference('Encounter', encounterId),
  effectiveDateTime: secondOf(at),
  issued: instantOf(at + 21 * HOUR),
  performer: [organization(laboratory)],
  result: results.map((r) => reference('Observation', r)),
});

export const smokingStatus = (m: Member, id: string, at: number, code: string, text: string): Resource =>
  observation(m, id, 'us-core-smokingstatus', SOCIAL_HISTORY, TOBACCO, at, at, {
    valueCodeableConcept: coded(SNOMED, code, undefined, text),
  });

export const screening = (
  m: Member,
  id: string,
  at: number,
  score: number,
  encounterId: string,
  p: RosterPractitioner,
): Resource =>
  observation(m, id, 'us-core-observation-screening-assessment', SURVEY, PHQ_9, at, at, {
    encounter: reference('Encounter', encounterId),
    performer: [doctor(p)],
    valueQuantity: quantity(score, '{score}'),
  });
