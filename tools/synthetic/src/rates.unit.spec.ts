import { beforeAll, describe, expect, it } from 'vitest';
import { CLAIM_RATES } from './claims-history.ts';
import { memberOf } from './member.ts';
import { syntheticPayer } from './payer.ts';
import type { MemberStory } from './story.ts';

const asOf = '2026-11-24T12:00:00Z';
const MEMBERS = 300;
const payer = syntheticPayer({ seed: 'rates', members: MEMBERS, asOf });

/** The counts of each member's events. The events themselves are not kept. */
const sum = {
  events: 0,
  years: 0,
  use: 0,
  duplicates: 0,
  recorded: 0,
  unchanged: 0,
  authorizations: 0,
  denied: 0,
  overturned: 0,
  cancelled: 0,
  claims: 0,
  poison: 0,
  deleted: 0,
  late: 0,
};
const perKind: Record<string, number> = {};
const types = new Set<string>();
const sizes: number[] = [];

function tally(story: MemberStory): void {
  const { member } = story;
  sum.events += story.events.length;
  sum.years += (member.end - member.start) / (365.25 * 86_400_000);
  sum.use += (member.use * member.burden * (member.end - member.start)) / (365.25 * 86_400_000);
  sizes.push(story.held.size);
  const ids = new Set<string>();
  story.events.forEach((e, i) => {
    const x = story.expected[i]!;
    if (ids.has(e.id)) sum.duplicates++;
    ids.add(e.id);
    if (x.outcome === 'recorded') sum.recorded++;
    if (x.outcome === 'unchanged') sum.unchanged++;
    if (x.outcome === 'parked') sum.poison++;
    if (e.type === 'payer.resource-deleted.v1') sum.deleted++;
    if (story.published[i]! - Date.parse(e.time) > 20 * 86_400_000) sum.late++;
    const text = x.about.includes('-pa-') && x.about.startsWith('ExplanationOfBenefit') ? JSON.stringify(e.data) : '';
    if (text.includes('Criteria not met')) sum.denied++;
    if (text.includes('Approved on appeal')) sum.overturned++;
  });
  for (const [about, { resource }] of story.held) {
    types.add(resource.resourceType);
    if (resource.resourceType !== 'ExplanationOfBenefit') continue;
    if (about.includes('-pa-')) sum.authorizations++;
    else {
      sum.claims++;
      if (resource['status'] === 'cancelled') sum.cancelled++;
      const kind = (resource['meta'] as { profile: string[] }).profile[0]!.split(
        'C4BB-ExplanationOfBenefit-',
      )[1]!.replace('-Basis', '');
      if ((resource['billablePeriod'] as { end: string }).end >= '2016-02-01') perKind[kind] = (perKind[kind] ?? 0) + 1;
    }
  }
}

beforeAll(() => {
  for (let n = 1; n <= MEMBERS; n++) tally(payer.memberEvents(n));
  sizes.sort((a, b) => a - b);
});

const between = (value: number, low: number, high: number): void => {
  expect(value).toBeGreaterThan(low);
  expect(value).toBeLessThan(high);
};

describe('300 members', () => {
  it('have as many resources as the measured ones, with a long tail', () => {
    between(sum.recorded / MEMBERS, 230, 420);
    between(sizes[MEMBERS / 2]!, 150, 484);
    between(sizes[Math.floor(MEMBERS * 0.95)]!, 500, 2_123);
  });

  it('have claims at the rates of Medicare, scaled by their use', () => {
    for (const [kind, rate] of [
      ['Professional-NonClinician', CLAIM_RATES.professional],
      ['Outpatient-Institutional', CLAIM_RATES.outpatient],
      ['Pharmacy', CLAIM_RATES.pharmacy],
    ] as const)
      between((perKind[kind] ?? 0) / sum.use, rate * 0.85, rate * 1.15);
    between((perKind['Inpatient-Institutional'] ?? 0) / sum.use, 0.15, 0.35);
    between(sum.cancelled / sum.claims, 0.02, 0.065);
  });

  it('have prior authorizations, some denied, few of those overturned', () => {
    between(sum.authorizations / sum.years, 1.5, 2.1);
    between(sum.denied / sum.authorizations, 0.035, 0.1);
    expect(sum.overturned).toBeLessThan(sum.denied * 0.3);
    expect(sum.overturned).toBeGreaterThan(0);
  });

  it('have every type of resource that the platform is asked for', () => {
    expect([...types].sort()).toEqual([
      'AllergyIntolerance',
      'CarePlan',
      'CareTeam',
      'Condition',
      'Coverage',
      'Device',
      'DiagnosticReport',
      'DocumentReference',
      'Encounter',
      'ExplanationOfBenefit',
      'Goal',
      'Immunization',
      'Medication',
      'MedicationDispense',
      'MedicationRequest',
      'Observation',
      'Patient',
      'Procedure',
      'Provenance',
      'RelatedPerson',
      'ServiceRequest',
      'Specimen',
    ]);
  });

  it('have disorder at the stated rates', () => {
    between(sum.duplicates / sum.events, 0.005, 0.015);
    between(sum.unchanged / sum.events, 0.012, 0.035);
    between(sum.late / sum.events, 0.01, 0.05);
    between(sum.deleted / sum.events, 0.001, 0.005);
    between(sum.poison / MEMBERS, 0.03, 0.12);
  });

  it('opt out: two of a hundred, and one even of 25, whatever the seed', () => {
    const end = Date.parse(asOf);
    for (const seed of ['a', 'b', 3]) {
      const { roster } = syntheticPayer({ seed, members: 1, asOf });
      const out = Array.from({ length: 1_000 }, (_, i) => memberOf(seed, i + 1, end, roster)).filter(
        (m) => m.optOut !== undefined,
      );
      expect(out).toHaveLength(20);
      expect(out[0]!.n).toBeLessThanOrEqual(25);
      expect(out.filter((m) => m.optOut!.back !== undefined)).toHaveLength(5);
      expect(out.filter((m) => m.optOut!.targets !== undefined)).toHaveLength(5);
    }
  });
});
