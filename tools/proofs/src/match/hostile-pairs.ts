import { enrolled, PAYER } from '@provider-access/synthetic';
import type { Asked, PayerMember } from '@provider-access/testing/match';

/**
 * A payer with members who are easily confused, and questions about them whose right answers are known by construction
 * (MATCH.md, oracles). Everything follows from the seed.
 */

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- FHIR as the synthetic payer makes it
type Json = Record<string, any>;
const SYSTEM = `${PAYER}/member-number`;
const AS_OF = Date.parse('2026-06-01T00:00:00Z');
const MB = { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v2-0203', code: 'MB' }] };
const FAMILIES = ['García-Núñez', "O'Connor", 'Łukasz', 'De La Cruz', 'Smith Jr.', 'Müller'];

export interface Stored extends PayerMember {
  readonly number: string;
  readonly subscriberId: string;
  /** Retired ids whose numbers lead here. */
  readonly retired?: { readonly member: string; readonly number: string };
  readonly maiden?: string;
  readonly formerZip?: string;
  readonly kind: 'single' | 'twin' | 'newborn';
  readonly sibling?: Stored;
}
export interface Question {
  readonly kind: string;
  readonly asked: Asked;
  /** The member who is meant; undefined is a person who is no member. */
  readonly truth: string | undefined;
}

const patientWith = (patient: Json, over: Json): Json => ({ ...patient, ...over });
const nameOf = (patient: Json): { family: string; given: string[] } =>
  patient['name'].find((n: Json) => n['use'] === 'official');

/** Every fifth member has a relative, a former name, a retired id, or a name with marks. */
export function members(seed: string, count: number): readonly Stored[] {
  const all: Stored[] = [];
  for (let n = 1; n <= count; n++) {
    const made = enrolled(seed, n, AS_OF);
    let patient: Json = made.patient;
    const coverage: Json = made.coverage;
    const number: string = coverage['subscriberId'];
    const id: string = patient['id'];
    const official = nameOf(patient);
    const named = (family: string, given: string[] = official.given): Json => ({ use: 'official', family, given });
    const stored = (over: Partial<Stored>): Stored => ({
      member: id,
      patient,
      number,
      subscriberId: number,
      kind: 'single',
      published: [patient, coverage],
      ...over,
    });
    if (n % 5 === 1) {
      // Former names; and some of them have a suffix, or letters with marks.
      const maiden = `Maiden${String.fromCharCode(97 + (n % 26))}`;
      patient = patientWith(patient, { name: [named(FAMILIES[n % 6]!), { use: 'maiden', family: maiden }] });
      all.push(stored({ maiden }));
    } else if (n % 5 === 2) {
      const retired = { member: `${id}-old`, number: `OLD${number}` };
      const old = {
        resourceType: 'Coverage',
        id: `${id}-old-c`,
        identifier: [{ type: MB, system: SYSTEM, value: retired.number }],
      };
      all.push(stored({ retired, published: [patient, coverage, old] }));
    } else if (n % 5 === 3) {
      // Twins with one subscriber id and numbers of their own.
      const second = ['Quinton', 'Rupert', 'Soren', 'Tobias'][n % 4]!;
      const base = { kind: 'twin' as const };
      const twinId = `${id}-t`;
      const twinNumber = `${number}2`;
      const twinPatient = patientWith(patient, {
        id: twinId,
        name: [named(official.family, [second])],
        identifier: [{ type: MB, system: SYSTEM, value: twinNumber }],
      });
      const twinCoverage: Json = {
        resourceType: 'Coverage',
        id: `${twinId}-c`,
        identifier: [{ type: MB, system: SYSTEM, value: twinNumber }],
        subscriberId: number,
      };
      const one: Stored & { sibling?: Stored } = stored(base);
      const other: Stored = {
        ...base,
        member: twinId,
        patient: twinPatient,
        number: twinNumber,
        subscriberId: number,
        published: [twinPatient, twinCoverage],
        sibling: one,
      };
      (one as { sibling?: Stored }).sibling = other;
      all.push(one, other);
    } else if (n % 5 === 4) {
      // A newborn without a name, by the subscriber id of its mother; its twin is not known to the payer yet.
      const childId = `${id}-b`;
      const child = patientWith(patient, {
        id: childId,
        birthDate: `2026-05-${String(1 + (n % 28)).padStart(2, '0')}`,
        identifier: [],
        name: [named(official.family, [n % 2 ? 'Baby Boy' : 'BabyGirl', 'A'])],
      });
      const childCoverage: Json = { resourceType: 'Coverage', id: `${childId}-c`, subscriberId: number };
      const mother = stored({});
      all.push(mother, {
        ...mother,
        member: childId,
        patient: child,
        published: [child, childCoverage],
        kind: 'newborn',
        number: '',
      });
    } else {
      const formerZip = '60601';
      patient = patientWith(patient, { address: [...patient['address'], { use: 'old', postalCode: formerZip }] });
      // A number of a former payer, which another member of this payer has as its own.
      const former = {
        resourceType: 'Coverage',
        id: `${id}-f`,
        identifier: [{ type: MB, system: 'urn:former-payer', value: all.at(-1)?.number ?? 'X' }],
      };
      all.push(stored({ formerZip, published: [patient, coverage, former] }));
    }
  }
  return all;
}

/** A question that has everything as the payer has it. */
function askedAs({ patient, number, subscriberId }: Stored): Asked {
  const { family, given } = nameOf(patient);
  return {
    memberIds: number === '' ? [] : [{ system: SYSTEM, value: number }],
    subscriberId,
    birthDate: patient['birthDate'],
    family,
    given,
    gender: patient['gender'],
    zip: patient['address'][0]['postalCode'],
  };
}

const swapped = (text: string, at: number): string =>
  text.slice(0, at) + (text[at + 1] ?? '') + text[at]! + text.slice(at + 2);
const UNKNOWN = { memberIds: [{ system: 'urn:another-payer', value: 'ZZ1' }], subscriberId: 'ZZ1' };
const plain = (text: string): string => text.normalize('NFD').replace(/[\u0300-\u036f'’-]/g, '');

type Make = (one: Stored, other: Stored, random: number) => Partial<Asked> | undefined;
/** By kind: what differs from the card, whether the person is meant, and why nobody may be found. */
export const KINDS: Readonly<
  Record<string, { readonly of: Make; readonly truth: 'one' | 'nobody'; readonly why: string }>
> = {
  'as on the card': { truth: 'one', why: 'newborns without a name, by the number of the mother', of: () => ({}) },
  'a nickname': {
    truth: 'one',
    why: 'twins, and newborns without a name, by a number of the family',
    of: ({ patient }) => ({ given: [`${nameOf(patient).given[0]!}xy`] }),
  },
  'without accents, hyphens and case': {
    truth: 'one',
    why: '',
    of: ({ patient, maiden }) =>
      maiden === undefined ? undefined : { family: plain(nameOf(patient).family).toUpperCase() },
  },
  'the maiden name': {
    truth: 'one',
    why: '',
    of: ({ maiden }) => (maiden === undefined ? undefined : { family: maiden }),
  },
  'another family name': { truth: 'one', why: 'the name must agree', of: () => ({ family: 'Elsewhere' }) },
  'the first and the family name changed places': {
    truth: 'one',
    why: 'the name must agree',
    of: ({ patient }) => ({ family: nameOf(patient).given[0]!, given: [nameOf(patient).family] }),
  },
  'no id of this payer': {
    truth: 'one',
    why: 'newborns without a name; members who are equal in all',
    of: () => UNKNOWN,
  },
  'no id of this payer, and the former ZIP': {
    truth: 'one',
    why: '',
    of: ({ formerZip }) => (formerZip === undefined ? undefined : { ...UNKNOWN, zip: formerZip }),
  },
  'no id of this payer, and a ZIP that the payer does not have': {
    truth: 'one',
    why: 'the ZIP must agree',
    of: () => ({ ...UNKNOWN, zip: '99501' }),
  },
  'the number of a retired id': {
    truth: 'one',
    why: '',
    of: ({ retired }) => retired && { memberIds: [{ system: SYSTEM, value: retired.number }] },
  },
  'the subscriber id alone': { truth: 'one', why: 'newborns without a name', of: () => ({ memberIds: [] }) },
  'two digits of the number changed places': {
    truth: 'one',
    why: '',
    of: ({ number }, _, r) => {
      if (number === '') return undefined;
      const value = swapped(number, 3 + (r % 8));
      return { memberIds: [{ value }], subscriberId: value };
    },
  },
  'the day and the month changed places': {
    truth: 'one',
    why: 'the birth date must agree',
    of: ({ patient }) => {
      const [y, m, d] = (patient['birthDate'] as string).split('-') as [string, string, string];
      return Number(d) > 12 || d === m ? undefined : { birthDate: `${y}-${d}-${m}` };
    },
  },
  'a birth date without a day': {
    truth: 'one',
    why: 'the birth date must be complete',
    of: ({ patient }) => ({ birthDate: (patient['birthDate'] as string).slice(0, 7) }),
  },
  'the card of another member': {
    truth: 'one',
    why: 'the number is of another member',
    of: (_, { number, subscriberId }) => ({ memberIds: number === '' ? [] : [{ value: number }], subscriberId }),
  },
  'the card of the other twin': {
    truth: 'one',
    why: 'the number is of another member',
    of: ({ sibling }) =>
      sibling && { memberIds: [{ system: SYSTEM, value: sibling.number }], subscriberId: undefined as never },
  },
  'the subscriber id of the family and the own card': {
    truth: 'one',
    why: '',
    of: ({ sibling, number }) => sibling && { memberIds: [{ system: SYSTEM, value: number }] },
  },
  'a relative who is no member, with the card': {
    truth: 'nobody',
    why: '',
    of: ({ patient }, _, r) => ({ birthDate: `${1930 + (r % 20)}-02-03`, given: nameOf(patient).given }),
  },
  'a stranger with the card of a member': {
    truth: 'nobody',
    why: '',
    of: ({ number, subscriberId }, { patient }, r) => ({
      ...askedAs({ patient, number, subscriberId } as Stored),
      birthDate: `${1900 + (r % 9)}-03-04`,
    }),
  },
  'a stranger with the name and another ZIP': { truth: 'nobody', why: '', of: () => ({ ...UNKNOWN, zip: '99501' }) },
  'a stranger with the name and another gender': {
    truth: 'nobody',
    why: '',
    of: ({ patient }) => ({ ...UNKNOWN, gender: patient['gender'] === 'male' ? 'female' : 'male' }),
  },
  'a stranger with the birth date and the family name': {
    truth: 'nobody',
    why: '',
    of: () => ({ ...UNKNOWN, given: ['Wolfgang'] }),
  },
  'a stranger with the number of another payer': {
    truth: 'nobody',
    why: '',
    of: ({ number }) => ({
      given: ['Wolfgang'],
      memberIds: [{ system: 'urn:another-payer', value: number }],
      subscriberId: 'ZZ1',
    }),
  },
  'the other newborn of a family, whom the payer does not know': {
    truth: 'nobody',
    why: '',
    of: ({ kind }) => (kind === 'newborn' ? { given: ['Baby Boy B'] } : undefined),
  },
  'the same, with a name': {
    truth: 'nobody',
    why: '',
    of: ({ kind }) => (kind === 'newborn' ? { given: ['Wolfgang'] } : undefined),
  },
};

/** @param below a number below a limit, by the seed */
export function questions(of: readonly Stored[], count: number, below: (limit: number) => number): readonly Question[] {
  const kinds = Object.entries(KINDS);
  const made: Question[] = [];
  for (let n = 0; made.length < count; n++) {
    const [kind, { of: make, truth }] = kinds[n % kinds.length]!;
    const one = of[below(of.length)]!;
    const other = of[below(of.length)]!;
    if (one === other) continue;
    const over = make(one, other, below(1_000_000));
    if (over === undefined) continue;
    made.push({ kind, asked: { ...askedAs(one), ...over }, truth: truth === 'one' ? one.member : undefined });
  }
  return made;
}
