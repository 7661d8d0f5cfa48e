import { flat } from '../flat.ts';
import { dateOf, DAY, instantOf } from '../calendar.ts';
import { AUTHORIZED } from '../catalogue.ts';
import type { Member } from '../member.ts';
import { coded, CPT, type Json, PAYER, pdex, PDEX_CODES, reference, type Resource, THO, usd } from '../profiles.ts';
import type { Random } from '../random.ts';
import type { Roster, RosterPractitioner } from '../roster.ts';

/** Rates of prior authorizations (KFF, Medicare Advantage; see the README of the data). */
export const AUTHORIZATION_RATES = {
  perYear: 1.8,
  denied: 0.064,
  appealed: 0.117,
  overturned: 0.82,
  partlyApproved: 0.08,
  pendedFirst: 0.7,
  cancelled: 0.02,
  documented: 0.3,
} as const;

type Decision = 'pended' | 'approved' | 'partly-approved' | 'denied' | 'cancelled' | 'overturned' | 'upheld';
export interface Authorization {
  readonly member: Member;
  readonly roster: Roster;
  readonly id: string;
  readonly number: string;
  readonly service: (typeof AUTHORIZED)[number];
  readonly practitioner: RosterPractitioner;
  readonly requested: number;
  readonly units: number;
  readonly document?: string;
}
/** A decision and when it was made; each is a version of the same EOB. */
export interface Step {
  readonly decision: Decision;
  readonly at: number;
}

/** The life of an authorization: received and pended, decided, perhaps appealed. */
export function lifeOf(random: Random, requested: number, asOf: number): Step[] {
  const steps: Step[] = [];
  const decided = requested + random.int(1, 7) * DAY;
  if (random.chance(AUTHORIZATION_RATES.pendedFirst)) steps.push({ decision: 'pended', at: requested + 3_600_000 });
  const denied = random.chance(AUTHORIZATION_RATES.denied);
  if (!denied) {
    const cancelled = random.chance(AUTHORIZATION_RATES.cancelled);
    steps.push({
      decision: cancelled
        ? 'cancelled'
        : random.chance(AUTHORIZATION_RATES.partlyApproved)
          ? 'partly-approved'
          : 'approved',
      at: decided,
    });
  } else {
    steps.push({ decision: 'denied', at: decided });
    const appealed = random.chance(AUTHORIZATION_RATES.appealed);
    const overturned = random.chance(AUTHORIZATION_RATES.overturned);
    if (appealed)
      steps.push({ decision: overturned ? 'overturned' : 'upheld', at: decided + random.int(10, 30) * DAY });
  }
  const known = steps.filter((s) => s.at < asOf);
  return known.length > 0 ? known : [{ decision: 'pended', at: Math.min(requested + 3_600_000, asOf - 60_000) }];
}

export function authorizationOf(
  member: Member,
  roster: Roster,
  random: Random,
  id: string,
  requested: number,
): Authorization {
  const documented = random.chance(AUTHORIZATION_RATES.documented);
  return {
    member,
    roster,
    id,
    number: flat('PA-', random.token(10)),
    service: random.pick(AUTHORIZED),
    practitioner: random.pick(member.home.practitioners),
    requested,
    units: random.int(1, 12),
    ...(documented && { document: flat(id, '-doc') }),
  };
}

const ACTION: Readonly<Record<Decision, string>> = {
  pended: 'A4',
  approved: 'A1',
  'partly-approved': 'A2',
  denied: 'A3',
  cancelled: 'C',
  overturned: 'A1',
  upheld: 'A3',
};
const NOTES: Readonly<Partial<Record<Decision, string>>> = {
  pended: 'Waiting for the clinical notes of the requesting provider.',
  'partly-approved': 'Approved for fewer units than requested; estimated cost to the plan $1,250.00.',
  denied: 'Criteria not met: conservative therapy not documented. The member may appeal within 60 days.',
  overturned: 'Approved on appeal after review of additional documentation.',
  upheld: 'Denial upheld on appeal.',
};

/** The EOB by docs/regulation.md#prior-authorizations, with the amounts a payer keeps in it. */
export function priorAuthorization(a: Authorization, step: Step): Resource {
  const granted = step.decision === 'approved' || step.decision === 'partly-approved' || step.decision === 'overturned';
  const refused = step.decision === 'denied' || step.decision === 'upheld';
  const period = { start: dateOf(step.at), end: dateOf(step.at + 90 * DAY) };
  const reviewAction: Json = {
    url: pdex('extension-reviewAction'),
    extension: [
      {
        url: pdex('extension-reviewActionCode'),
        valueCodeableConcept: coded('https://codesystem.x12.org/005010/306', ACTION[step.decision]),
      },
      { url: 'number', valueString: a.number },
    ],
  };
  const review: Json = {
    extension: [reviewAction, { url: pdex('base-ext-when-adjudicated'), valueDateTime: instantOf(step.at) }],
  };
  const units = (code: string, value: number): Json => ({
    category: coded(flat(PDEX_CODES, 'PDexAdjudicationDiscriminator'), code),
    value,
  });
  const price = 9_900 * a.units;
  const adjudication: Json[] = refused
    ? [
        {
          ...review,
          category: coded(flat(PDEX_CODES, 'PDexAdjudicationDiscriminator'), 'denialreason'),
          reason: coded(
            'https://x12.org/codes/claim-adjustment-reason-codes',
            '50',
            undefined,
            'Not deemed a medical necessity by the payer',
          ),
        },
      ]
    : [
        {
          ...review,
          ...units(
            'allowedunits',
            granted ? (step.decision === 'partly-approved' ? Math.max(1, a.units >> 1) : a.units) : 0,
          ),
        },
        ...(granted ? [units('consumedunits', 0)] : []),
      ];
  adjudication.push({ category: coded(flat(THO, 'adjudication'), 'submitted'), amount: usd(price) });
  const note = NOTES[step.decision];
  return {
    resourceType: 'ExplanationOfBenefit',
    id: a.id,
    meta: { lastUpdated: instantOf(step.at), profile: [pdex('pdex-priorauthorization')] },
    extension: [
      {
        url: pdex('extension-levelOfServiceCode'),
        valueCodeableConcept: coded('https://codesystem.x12.org/005010/1338', 'U'),
      },
    ],
    identifier: [{ system: flat(PAYER, '/prior-authorization'), value: a.number }],
    status: step.decision === 'cancelled' ? 'cancelled' : 'active',
    type: coded(flat(THO, 'claim-type'), 'professional'),
    use: 'preauthorization',
    patient: reference('Patient', a.member.id),
    billablePeriod: { start: dateOf(a.requested), end: dateOf(a.requested + 90 * DAY) },
    created: instantOf(a.requested),
    insurer: reference('Organization', a.roster.payer),
    provider: reference('Practitioner', a.practitioner.id),
    priority: coded(flat(THO, 'processpriority'), 'normal'),
    ...(granted && { preAuthRef: [a.number], preAuthRefPeriod: [period] }),
    outcome: step.decision === 'pended' ? 'queued' : 'complete',
    careTeam: [{ sequence: 1, provider: reference('Practitioner', a.practitioner.id) }],
    ...(a.document !== undefined && {
      supportingInfo: [
        {
          sequence: 1,
          category: coded('http://hl7.org/fhir/us/davinci-pas/CodeSystem/PASTempCodes', 'additionalInformation'),
          valueReference: reference('DocumentReference', a.document),
        },
      ],
    }),
    insurance: [{ focal: true, coverage: reference('Coverage', a.member.coverageId) }],
    item: [
      {
        extension: [
          {
            url: 'http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-itemTraceNumber',
            valueIdentifier: { system: flat(PAYER, '/trace'), value: flat(a.number, '-1') },
          },
          ...(granted
            ? [
                {
                  url: 'http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-itemPreAuthIssueDate',
                  valueDate: dateOf(step.at),
                },
                {
                  url: 'http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-itemPreAuthPeriod',
                  valuePeriod: period,
                },
                {
                  url: 'http://hl7.org/fhir/us/davinci-pas/StructureDefinition/extension-authorizationNumber',
                  valueString: a.number,
                },
              ]
            : []),
        ],
        sequence: 1,
        category: coded('https://x12.org/codes/service-type-codes', a.service.type),
        productOrService: coded(CPT, a.service.cpt, undefined, a.service.text),
        quantity: { value: a.units },
        unitPrice: usd(9_900),
        net: usd(price),
        adjudication,
      },
    ],
    total: [{ category: coded(flat(PDEX_CODES, 'PriorAuthorizationValueCodes'), 'submitted'), amount: usd(price) }],
    ...(note !== undefined && { processNote: [{ number: 1, type: 'display', text: note }] }),
  };
}
