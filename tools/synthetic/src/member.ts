import { flat } from './flat.ts';
import { DAY, dayStart, FLOOR, YEAR } from './calendar.ts';
import { mbiOf, memberId } from './identifiers.ts';
import { Random } from './random.ts';
import type { ProviderOrganization, Roster } from './roster.ts';

/** Rates of what happens to members; the README and the specs quote them. */
const MEMBER_RATES = {
  /**
   * One of each block of 50 members opts out, always among the block's first 25; every fourth of those opts back in,
   * every fourth names one provider only.
   */
  optOutBlock: 50,
  coverageTerminated: 0.03,
  attributionEnded: 0.03,
  secondProvider: 0.12,
  /** Members with claims and clinical data of 2012 to 2015. */
  beforeFloor: 0.1,
  /** Members whose enrollment arrives after some of their data. */
  lateEnrollment: 0.04,
} as const;

type OptOutPlan = {
  readonly at: number;
  readonly back?: number;
  readonly targets?: readonly ProviderOrganization[];
};
interface Attribution {
  readonly organization: ProviderOrganization;
  readonly from: number;
  readonly to?: number;
}

/** The member's person, before any event. Times are ms UTC. */
export interface Member {
  readonly n: number;
  readonly id: string;
  readonly mbi: string;
  readonly cardNumber: string;
  readonly gender: 'female' | 'male';
  readonly given: string;
  readonly family: string;
  readonly birth: number;
  readonly age: number;
  readonly start: number;
  readonly end: number;
  readonly years: number;
  /** The start of the years before the floor, for members who have them. */
  readonly legacyStart?: number;
  /** Multiplies every rate of use; mean 1 with a long tail. */
  readonly burden: number;
  /** Claims of a Medicare beneficiary-year are scaled by this (README). */
  readonly use: number;
  readonly attributions: readonly Attribution[];
  readonly home: ProviderOrganization;
  readonly coverageId: string;
  readonly terminatedAt?: number;
  readonly optOut?: OptOutPlan;
  readonly lateEnrollment: boolean;
}

const FAMILY = [
  'Adams',
  'Baker',
  'Chen',
  'Diaz',
  'Edwards',
  'Foster',
  'Garcia',
  'Hill',
  'Ibrahim',
  'Johnson',
  'Kim',
  'Lopez',
  'Miller',
  'Nguyen',
  'Owens',
  'Patel',
  'Quinn',
  'Rivera',
  'Smith',
  'Turner',
  'Underwood',
  'Vega',
  'Walker',
  'Young',
  'Zimmer',
] as const;
const FEMALE = [
  'Ana',
  'Beth',
  'Clara',
  'Dora',
  'Emma',
  'Fay',
  'Gina',
  'Hana',
  'Ida',
  'Joy',
  'Kate',
  'Lena',
  'Maya',
  'Nora',
  'Olga',
  'Rosa',
  'Sara',
  'Tina',
] as const;
const MALE = [
  'Adam',
  'Ben',
  'Carl',
  'Dan',
  'Eli',
  'Finn',
  'Gus',
  'Henry',
  'Ivan',
  'Jack',
  'Karl',
  'Leo',
  'Max',
  'Noah',
  'Omar',
  'Paul',
  'Ray',
  'Sam',
  'Tom',
] as const;

/** Share of members, ages, use of services against a Medicare beneficiary. */
const AGES: readonly (readonly [number, { readonly from: number; readonly to: number; readonly use: number }])[] = [
  [18, { from: 1, to: 17, use: 0.28 }],
  [26, { from: 18, to: 44, use: 0.38 }],
  [28, { from: 45, to: 64, use: 0.62 }],
  [28, { from: 65, to: 94, use: 1 }],
];

export function memberOf(seed: string | number, n: number, asOf: number, roster: Roster): Member {
  const random = Random.keyed(seed, 'member', n, 'profile');
  const band = random.weighted(AGES);
  const age = random.int(band.from, band.to);
  const birth = dayStart(asOf - age * YEAR - random.int(1, 360) * DAY);
  const gender = random.chance(0.52) ? 'female' : 'male';
  const years = Math.min(
    random.weighted([
      [30, 1 + random.unit() * 2],
      [40, 3 + random.unit() * 3],
      [20, 6 + random.unit() * 2],
      [10, 8 + random.unit() * 2],
    ]),
    age + 0.5,
  );
  const start = Math.max(birth, dayStart(asOf - years * YEAR));
  const legacy = age >= 18 && random.chance(MEMBER_RATES.beforeFloor);
  const sigma = 0.55;
  const burden = Math.min(8, Math.exp(sigma * random.normal() - (sigma * sigma) / 2));
  const terminated = random.chance(MEMBER_RATES.coverageTerminated);
  const terminatedAt = terminated ? dayStart(asOf - random.int(20, 200) * DAY) : undefined;
  const attributions = attributionsOf(random, start, asOf, roster);
  const mbi = mbiOf(random);
  const id = memberId(n);
  return {
    n,
    id,
    mbi,
    cardNumber: `NHP${random.int(100_000_000, 999_999_999)}`,
    gender,
    given: random.pick(gender === 'female' ? FEMALE : MALE),
    family: random.pick(FAMILY),
    birth,
    age,
    start,
    end: terminatedAt ?? asOf - DAY,
    years: (asOf - start) / YEAR,
    burden,
    use: band.use,
    attributions,
    home: attributions[0]!.organization,
    coverageId: flat(id, '-cov-1'),
    lateEnrollment: random.chance(MEMBER_RATES.lateEnrollment),
    ...(legacy && { legacyStart: FLOOR - random.int(1, 4) * YEAR }),
    ...(terminatedAt !== undefined && { terminatedAt }),
    ...optOutOf(seed, n, start, asOf, attributions),
  };
}

function attributionsOf(random: Random, start: number, asOf: number, roster: Roster): Attribution[] {
  const table = roster.organizations.map((o) => [o.weight, o] as const);
  const first = random.weighted(table);
  const from = (): number => dayStart(start + random.unit() * (asOf - start) * 0.3);
  const ended = random.chance(MEMBER_RATES.attributionEnded) ? dayStart(asOf - random.int(10, 100) * DAY) : undefined;
  const one: Attribution = { organization: first, from: from(), ...(ended !== undefined && { to: ended }) };
  if (!random.chance(MEMBER_RATES.secondProvider)) return [one];
  const second = random.weighted(table.filter(([, o]) => o.id !== first.id));
  return [one, { organization: second, from: from() }];
}

/** Exactly one member of each block of 50, so that even 25 members have an opt-out. */
function optOutOf(
  seed: string | number,
  n: number,
  start: number,
  asOf: number,
  attributions: readonly Attribution[],
): { optOut?: OptOutPlan } {
  const block = Math.floor((n - 1) / MEMBER_RATES.optOutBlock);
  const random = Random.keyed(seed, 'opt-out', block);
  if (n !== block * MEMBER_RATES.optOutBlock + random.int(1, 25)) return {};
  const at = dayStart(Math.max(start + 5 * DAY, asOf - random.int(60, 400) * DAY));
  if (block % 4 === 2) return { optOut: { at, back: at + random.int(10, 40) * DAY } };
  if (block % 4 === 3) return { optOut: { at, targets: [attributions[0]!.organization] } };
  return { optOut: { at } };
}
