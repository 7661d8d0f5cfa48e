import { flat } from '../flat.ts';
import { dateOf, DAY, instantOf, YEAR } from '../calendar.ts';
import type { Member } from '../member.ts';
import { c4bb, C4BB_CODES, coded, type Json, PAYER, reference, type Resource, THO, usCore, usd } from '../profiles.ts';
import type { Random } from '../random.ts';
import type { Roster } from '../roster.ts';

const RACES = [
  ['2106-3', 'White'],
  ['2054-5', 'Black or African American'],
  ['2028-9', 'Asian'],
] as const;
const OMB = 'urn:oid:2.16.840.1.113883.6.238';

/** `moved` is the second address of members who move. */
export function patient(member: Member, random: Random, time: number, moved: boolean): Resource {
  const [race, raceText] = RACES[member.n % 3]!;
  return {
    resourceType: 'Patient',
    id: member.id,
    meta: { lastUpdated: instantOf(time), profile: [usCore('us-core-patient'), c4bb('C4BB-Patient')] },
    extension: [
      {
        url: usCore('us-core-race'),
        extension: [
          { url: 'ombCategory', valueCoding: { system: OMB, code: race, display: raceText } },
          { url: 'text', valueString: raceText },
        ],
      },
      {
        url: usCore('us-core-ethnicity'),
        extension: [
          { url: 'ombCategory', valueCoding: { system: OMB, code: '2186-5', display: 'Not Hispanic or Latino' } },
          { url: 'text', valueString: 'Not Hispanic or Latino' },
        ],
      },
      { url: usCore('us-core-birthsex'), valueCode: member.gender === 'female' ? 'F' : 'M' },
    ],
    identifier: [
      {
        type: coded(flat(THO, 'v2-0203'), 'MB', 'Member Number'),
        system: flat(PAYER, '/member-number'),
        value: member.cardNumber,
      },
      {
        type: coded(flat(C4BB_CODES, 'C4BBIdentifierType'), 'um'),
        system: flat(PAYER, '/unique-member-id'),
        value: member.id,
      },
      ...(member.age >= 65
        ? [
            {
              type: coded(flat(THO, 'v2-0203'), 'MC', "Patient's Medicare number"),
              system: 'http://hl7.org/fhir/sid/us-mbi',
              value: member.mbi,
            },
          ]
        : []),
    ],
    active: true,
    name: [{ use: 'official', family: member.family, given: [member.given] }],
    telecom: [
      { system: 'phone', value: flat('(555) 555-', random.int(1000, 1999)), use: 'home' },
      { system: 'email', value: flat(member.id, '@example.org') },
    ],
    gender: member.gender,
    birthDate: dateOf(member.birth),
    address: [
      {
        use: 'home',
        line: [flat(random.int(1, 900), ' ', moved ? 'Orchard Lane' : 'Elm Street')],
        city: moved ? 'Amherst' : 'Springfield',
        state: 'MA',
        postalCode: moved ? '01002' : '01103',
        country: 'US',
      },
    ],
    communication: [{ language: coded('urn:ietf:bcp:47', 'en') }],
  };
}

/**
 * With the copayments that a payer has in it. No version with them may reach a provider. It does not claim
 * C4BB-Coverage, because 2.1.0 needs an R5 extension that no R4 validator resolves.
 */
export function coverage(member: Member, roster: Roster, time: number, end: number | undefined): Resource {
  const self = member.age >= 18;
  return {
    resourceType: 'Coverage',
    id: member.coverageId,
    meta: { lastUpdated: instantOf(time), profile: [usCore('us-core-coverage')] },
    extension: [{ url: flat(PAYER, '/fhir/StructureDefinition/monthly-premium'), valueMoney: usd(18_500) }],
    identifier: [
      {
        type: coded(flat(THO, 'v2-0203'), 'MB', 'Member Number'),
        system: flat(PAYER, '/member-number'),
        value: member.cardNumber,
      },
    ],
    status: end === undefined ? 'active' : 'cancelled',
    type: coded(
      'https://nahdo.org/sopt',
      member.age >= 65 ? '111' : '512',
      undefined,
      member.age >= 65 ? 'Medicare HMO' : 'Commercial PPO',
    ),
    ...(self && { subscriber: reference('Patient', member.id) }),
    subscriberId: member.cardNumber,
    beneficiary: reference('Patient', member.id),
    relationship: coded(flat(THO, 'subscriber-relationship'), self ? 'self' : 'child'),
    period: { start: dateOf(member.start), ...(end !== undefined && { end: dateOf(end - DAY) }) },
    payor: [{ ...reference('Organization', roster.payer), display: 'Northfield Health Plan' }],
    class: [
      {
        type: coded(flat(THO, 'coverage-class'), 'group'),
        value: flat('G-', 1000 + (member.n % 37)),
        name: 'Employer group',
      },
      { type: coded(flat(THO, 'coverage-class'), 'plan'), value: 'NHP-CHOICE', name: 'Northfield Choice' },
    ],
    network: 'Northfield Choice',
    costToBeneficiary: [
      { type: coded(flat(THO, 'coverage-copay-type'), 'gpvisit'), valueMoney: usd(2_500) },
      { type: coded(flat(THO, 'coverage-copay-type'), 'emergency'), valueMoney: usd(15_000) },
      {
        type: coded(flat(THO, 'coverage-copay-type'), 'spvisit'),
        valueQuantity: { value: 20, unit: '%', system: 'http://unitsofmeasure.org', code: '%' },
      },
    ],
  };
}

export function relatedPerson(member: Member, time: number): Resource {
  const child = member.age < 18;
  return {
    resourceType: 'RelatedPerson',
    id: flat(member.id, '-rp-1'),
    meta: { lastUpdated: instantOf(time), profile: [usCore('us-core-relatedperson')] },
    active: true,
    patient: reference('Patient', member.id),
    relationship: [coded(flat(THO, 'v3-RoleCode'), child ? 'PRN' : 'SPS')],
    name: [{ use: 'official', family: member.family, given: [child ? 'Morgan' : 'Robin'] }],
    telecom: [{ system: 'phone', value: '(555) 555-0100', use: 'home' }],
    birthDate: dateOf(member.birth - (child ? 28 : 1) * YEAR),
  };
}

/** The platform does not serve Claims (as opposed to the adjudicated EOB). */
export function submittedClaim(member: Member, id: string, roster: Roster, time: number, cents: number): Resource {
  return {
    resourceType: 'Claim',
    id,
    status: 'active',
    type: coded(flat(THO, 'claim-type'), 'professional'),
    use: 'claim',
    patient: reference('Patient', member.id),
    created: instantOf(time),
    insurer: reference('Organization', roster.payer),
    provider: reference('Organization', member.home.id),
    priority: coded(flat(THO, 'processpriority'), 'normal'),
    insurance: [{ sequence: 1, focal: true, coverage: reference('Coverage', member.coverageId) }],
    total: usd(cents),
  };
}

export function imagingStudy(member: Member, id: string, time: number): Resource {
  const study: Json = { started: instantOf(time), numberOfSeries: 1, numberOfInstances: 2 };
  return { resourceType: 'ImagingStudy', id, status: 'available', subject: reference('Patient', member.id), ...study };
}
