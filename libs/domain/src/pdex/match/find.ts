import type { Demographics } from './bundle.ts';
import type { Described } from './described.ts';
import { givenAgree } from './names.ts';

/**
 * Why no member was found. It never leaves the platform: an answer says the same for each reason (M59).
 *
 * - `id-of-another`: this payer gave the id, and not to the person who is described.
 * - `nobody`: no id that this payer gave, and nobody with this name and birth date.
 * - `differs`: somebody has this name and birth date, and something else differs.
 * - `several`: more than one member fits.
 */
type Miss = 'id-of-another' | 'nobody' | 'several' | 'differs';
/** `member` is the id that stays after merges; `merged` are the others of the person, absent without any. */
export type Found = { readonly member: string; readonly merged?: readonly string[] } | { readonly miss: Miss };

/**
 * Finds the one member whom each of the given demographics describes (M32, M40 to M45). The answers are in the order of
 * the questions. The number of queries depends on the number of questions alone (M59). Errors of the store pass.
 */
export interface Finder {
  find(of: readonly Demographics[]): Promise<readonly Found[]>;
}

/** What two descriptions can agree in. */
type Element = 'birth date' | 'family name' | 'first name' | 'gender' | 'ZIP';
/** What keeps a step from a match. */
type Exception = 'another member has the name' | 'a shared id and no first name';

export interface Step {
  /** `1a` and `1b` are for an id that this payer gave, `2` for no such id. */
  readonly step: '1a' | '1b' | '2';
  readonly by: 'id' | 'demographics';
  readonly agree: readonly Element[];
  readonly except: readonly Exception[];
}

/**
 * How a member is found, in this order (M40, M41). The first step at which somebody agrees decides: one is the match,
 * and several are none (M32). docs/matching.md has the same table, and a test compares both.
 */
export const STEPS: readonly Step[] = [
  { step: '1a', by: 'id', agree: ['birth date', 'family name', 'first name'], except: [] },
  {
    step: '1b',
    by: 'id',
    agree: ['birth date', 'family name', 'gender'],
    except: ['another member has the name', 'a shared id and no first name'],
  },
  {
    step: '2',
    by: 'demographics',
    agree: ['birth date', 'family name', 'first name', 'gender', 'ZIP'],
    except: [],
  },
];

const both = <T>(a: readonly T[], b: readonly T[]): boolean => a.some((one) => b.includes(one));
const AGREE: Readonly<Record<Element, (a: Described, b: Described) => boolean>> = {
  'birth date': (a, b) => a.birthDate !== undefined && a.birthDate === b.birthDate,
  'family name': (a, b) => both(a.families, b.families),
  'first name': (a, b) => a.givens.some((one) => b.givens.some((other) => givenAgree(one, other))),
  gender: (a, b) => a.gender !== undefined && a.gender === b.gender,
  ZIP: (a, b) => both(a.zips, b.zips),
};
const agreeIn = (elements: readonly Element[], a: Described, b: Described): boolean =>
  elements.every((element) => AGREE[element](a, b));

/** A member who is compared. */
export interface Candidate {
  /** The id that stays after merges. A member is one candidate, whichever of its keys were found. */
  readonly member: string;
  /** Undefined if the payer sent no Patient. */
  readonly described?: Described;
  /** Whether the member has a submitted id: `own` is an id that no other member has. */
  readonly id: 'own' | 'shared' | 'none';
}

const isUnnamed = ({ givens }: Described): boolean => givens.every((given) => given.length === 0);

const EXCEPTIONS: Readonly<
  Record<Exception, (asked: Described, one: Candidate, all: readonly Candidate[]) => boolean>
> = {
  // The card of a twin, for example.
  'another member has the name': (asked, one, all) =>
    all.some(
      ({ member, described }) =>
        member !== one.member && described !== undefined && agreeIn(STEPS[0]!.agree, asked, described),
    ),
  // The other newborn of a family may not be known to the payer yet.
  'a shared id and no first name': (asked, one) => one.id !== 'own' && (isUnnamed(asked) || isUnnamed(one.described!)),
};

/**
 * The one member who is described, or none. Pure.
 * @param candidates all members with a submitted id, and all with the birth date and the family name
 */
export function findMember(asked: Described, candidates: readonly Candidate[]): Found {
  const isIdGiven = candidates.some(({ id }) => id !== 'none');
  for (const { by, agree, except } of STEPS) {
    if ((by === 'id') !== isIdGiven) continue;
    const fitting = candidates.filter(
      ({ id, described }) =>
        (by !== 'id' || id !== 'none') && described !== undefined && agreeIn(agree, asked, described),
    );
    if (fitting.length > 1) return { miss: 'several' };
    const [only] = fitting;
    if (only === undefined) continue;
    if (except.some((name) => EXCEPTIONS[name](asked, only, candidates))) return { miss: 'id-of-another' };
    return { member: only.member };
  }
  if (isIdGiven) return { miss: 'id-of-another' };
  return { miss: candidates.length > 0 ? 'differs' : 'nobody' };
}
