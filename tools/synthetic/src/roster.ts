import { flat } from './flat.ts';
import { instantOf } from './calendar.ts';
import { npiOf, tinOf } from './identifiers.ts';
import { c4bb, coded, type Json, PAYER, reference, type Resource, THO, usCore } from './profiles.ts';
import { Random } from './random.ts';

export interface RosterPractitioner {
  readonly id: string;
  readonly npi: string;
  readonly role: string;
  readonly taxonomy: string;
}
export interface ProviderOrganization {
  readonly id: string;
  readonly name: string;
  readonly npi: string;
  readonly tin: string;
  readonly contract: string;
  /** Members are attributed by these weights. */
  readonly weight: number;
  /** False: left the network, so no provider of it sees its attributed members. */
  readonly inNetwork: boolean;
  readonly locations: readonly string[];
  readonly practitioners: readonly RosterPractitioner[];
}
export interface Roster {
  readonly payer: string;
  readonly organizations: readonly ProviderOrganization[];
  readonly hospital: string;
  readonly hospitalLocation: string;
  readonly laboratory: string;
  readonly pharmacies: readonly string[];
  readonly resources: readonly Resource[];
}

const NAMES = [
  'Cedar Valley Medical Group',
  'Harbor Point Physicians',
  'Lakeside Family Care',
  'Pine Ridge Clinic',
  'Old Mill Associates',
] as const;
const WEIGHTS = [38, 30, 18, 10, 4] as const;
const TAXONOMIES = [
  '207Q00000X',
  '207R00000X',
  '208D00000X',
  '207RC0000X',
  '207X00000X',
  '2084N0400X',
  '208000000X',
  '363LF0000X',
] as const;
const GIVEN = [
  'Alma',
  'Boris',
  'Carla',
  'Dinesh',
  'Elena',
  'Farid',
  'Grace',
  'Hugo',
  'Irene',
  'Jonas',
  'Keiko',
  'Luis',
] as const;
const FAMILY = [
  'Abbott',
  'Brandt',
  'Castillo',
  'Dufour',
  'Eriksen',
  'Fonseca',
  'Gupta',
  'Hansen',
  'Ivanova',
  'Jimenez',
  'Kowalski',
  'Lindgren',
] as const;
const TOWNS = [
  ['Springfield', 'MA', '01103'],
  ['Amherst', 'MA', '01002'],
  ['Hartford', 'CT', '06103'],
  ['Albany', 'NY', '12207'],
  ['Nashua', 'NH', '03060'],
] as const;
const RECORDED = Date.UTC(2014, 0, 2, 9);

const npi = (value: string): Json => ({
  type: coded(flat(THO, 'v2-0203'), 'NPI'),
  system: 'http://hl7.org/fhir/sid/us-npi',
  value,
});
const tin = (value: string): Json => ({
  type: coded(flat(THO, 'v2-0203'), 'TAX'),
  system: 'urn:oid:2.16.840.1.113883.4.4',
  value,
});
const meta = (...profile: string[]): Json => ({ lastUpdated: instantOf(RECORDED), profile });
const address = (random: Random): Json => {
  const [city, state, postalCode] = random.pick(TOWNS);
  return { line: [flat(random.int(1, 990), ' Main Street')], city, state, postalCode, country: 'US' };
};
const phone = (random: Random): Json => ({
  system: 'phone',
  value: flat('(555) 555-', String(random.int(100, 199)).padStart(4, '0')),
  use: 'work',
});

function organization(random: Random, id: string, name: string, identifier: Json[], type: string): Resource {
  return {
    resourceType: 'Organization',
    id,
    meta: meta(usCore('us-core-organization'), c4bb('C4BB-Organization')),
    identifier,
    active: true,
    type: [coded(flat(THO, 'organization-type'), type)],
    name,
    telecom: [phone(random)],
    address: [address(random)],
  };
}

function location(random: Random, id: string, name: string, owner: string): Resource {
  return {
    resourceType: 'Location',
    id,
    meta: meta(usCore('us-core-location')),
    status: 'active',
    name,
    telecom: [phone(random)],
    address: address(random),
    managingOrganization: reference('Organization', owner),
  };
}

/**
 * The payer, its provider organizations and the resources to which members' resources refer. Depends only on the seed.
 */
export function roster(seed: string | number, practitionersEach: number): Roster {
  const random = Random.keyed(seed, 'roster');
  const series = random.int(1, 899);
  const base = series * 100_000;
  const tins = series * 1_000;
  const resources: Resource[] = [
    organization(
      random,
      'payer',
      'Northfield Health Plan',
      [
        npi(npiOf(base + 90_000)),
        tin(tinOf(tins + 90)),
        {
          type: coded('http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBIdentifierType', 'payerid'),
          system: flat(PAYER, '/payer-id'),
          value: '90210',
        },
      ],
      'pay',
    ),
    organization(
      random,
      'org-hospital',
      'St. Alban Hospital',
      [npi(npiOf(base + 91_000)), tin(tinOf(tins + 91))],
      'prov',
    ),
    location(random, 'loc-hospital', 'St. Alban Hospital', 'org-hospital'),
    organization(random, 'org-lab', 'Tri-County Laboratory', [npi(npiOf(base + 92_000))], 'prov'),
    organization(random, 'org-pharmacy-1', 'Main Street Pharmacy', [npi(npiOf(base + 93_000))], 'prov'),
    organization(random, 'org-pharmacy-2', 'Riverside Drugs', [npi(npiOf(base + 94_000))], 'prov'),
  ];
  const organizations = NAMES.map((name, o): ProviderOrganization => {
    const id = flat('org-', o + 1);
    const own = { npi: npiOf(base + o * 1000), tin: tinOf(tins + o + 1) };
    resources.push(organization(random, id, name, [npi(own.npi), tin(own.tin)], 'prov'));
    const locations = [1, 2].map((l) => flat('loc-', o + 1, '-', l));
    locations.forEach((l, i) =>
      resources.push(location(random, l, flat(name, ', ', i === 0 ? 'main site' : 'annex'), id)),
    );
    const practitioners = Array.from({ length: practitionersEach }, (_, p): RosterPractitioner => {
      const practitioner = {
        id: flat('prac-', o + 1, '-', p + 1),
        npi: npiOf(base + o * 1000 + p + 1),
        role: flat('role-', o + 1, '-', p + 1),
        taxonomy: TAXONOMIES[p % TAXONOMIES.length]!,
      };
      resources.push(
        {
          resourceType: 'Practitioner',
          id: practitioner.id,
          meta: meta(usCore('us-core-practitioner'), c4bb('C4BB-Practitioner')),
          identifier: [npi(practitioner.npi)],
          active: true,
          name: [{ family: random.pick(FAMILY), given: [random.pick(GIVEN)], prefix: ['Dr.'] }],
          telecom: [phone(random)],
          address: [address(random)],
        },
        {
          resourceType: 'PractitionerRole',
          id: practitioner.role,
          meta: meta(usCore('us-core-practitionerrole')),
          active: true,
          practitioner: reference('Practitioner', practitioner.id),
          organization: reference('Organization', id),
          specialty: [coded('http://nucc.org/provider-taxonomy', practitioner.taxonomy)],
          location: [reference('Location', locations[p % 2]!)],
          telecom: [phone(random)],
        },
      );
      return practitioner;
    });
    return {
      id,
      name,
      ...own,
      contract: flat('contract-', o + 1),
      weight: WEIGHTS[o]!,
      inNetwork: o !== NAMES.length - 1,
      locations,
      practitioners,
    };
  });
  return {
    payer: 'payer',
    organizations,
    hospital: 'org-hospital',
    hospitalLocation: 'loc-hospital',
    laboratory: 'org-lab',
    pharmacies: ['org-pharmacy-1', 'org-pharmacy-2'],
    resources,
  };
}
