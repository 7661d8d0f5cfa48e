import { flat } from '../flat.ts';
import { dateOf, HOUR } from '../calendar.ts';
import type { Disease } from '../catalogue.ts';
import type { Member } from '../member.ts';
import { coded, reference, type Resource, SNOMED, usCore } from '../profiles.ts';
import type { RosterPractitioner } from '../roster.ts';
import { meta, subject, doctor } from './elements.ts';

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
      div: flat(
        '<div xmlns="http://www.w3.org/1999/xhtml"><p>Plan for ',
        disease.text,
        ': medication, diet and exercise, follow-up every three months.</p></div>',
      ),
    },
    status,
    intent: 'plan',
    category: [coded('http://hl7.org/fhir/us/core/CodeSystem/careplan-category', 'assess-plan')],
    title: flat('Plan for ', disease.text),
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
  description: { text: flat('Control of ', disease.text.toLowerCase(), ' within twelve months') },
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
  name: flat('Care team of ', m.given, ' ', m.family),
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
