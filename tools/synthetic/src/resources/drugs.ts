import { flat } from '../flat.ts';
import { HOUR, secondOf } from '../calendar.ts';
import type { Drug, Vaccine } from '../catalogue.ts';
import type { Member } from '../member.ts';
import { coded, CVX, NDC, PAYER, quantity, reference, type Resource, RXNORM, THO, usCore } from '../profiles.ts';
import type { RosterPractitioner } from '../roster.ts';
import { meta, subject, doctor } from './elements.ts';

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
    category: [coded(flat(THO, 'medicationrequest-category'), 'community')],
    reportedBoolean: false,
    ...(medicationId !== undefined
      ? { medicationReference: reference('Medication', medicationId) }
      : { medicationCodeableConcept: coded(RXNORM, drug.rxnorm, undefined, drug.text) }),
    subject: subject(m),
    ...(encounterId !== undefined && { encounter: reference('Encounter', encounterId) }),
    authoredOn: secondOf(at),
    requester: doctor(p),
    dosageInstruction: [
      { text: flat('1 ', drug.unit, ' daily'), timing: { repeat: { frequency: 1, period: 1, periodUnit: 'd' } } },
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
  identifier: [{ system: flat(PAYER, '/medication'), value: flat(m.id, '-', drug.rxnorm) }],
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
  type: coded(flat(THO, 'v3-ActCode'), first ? 'FFC' : 'RFC'),
  quantity: { value: 30, unit: drug.unit },
  daysSupply: quantity(30, 'days', 'd'),
  whenHandedOver: secondOf(at),
  dosageInstruction: [{ text: flat('1 ', drug.unit, ' daily') }],
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
