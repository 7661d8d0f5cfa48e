/**
 * A second matcher for `$provider-member-match`, written from the rules M32 and M40 to M45 and from docs/matching.md.
 * It imports nothing of the product.
 */

export interface PayerMember {
  /** The id that stays after merges. */
  readonly member: string;
  readonly patient: Json;
  /** Patients and Coverages of the member and of its retired ids: their numbers lead to the member. */
  readonly published: readonly Json[];
}
export interface Asked {
  readonly memberIds: readonly { readonly system?: string; readonly value: string }[];
  readonly subscriberId?: string;
  readonly birthDate: string;
  readonly family: string;
  readonly given: readonly string[];
  readonly gender?: string;
  readonly zip?: string;
}
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- it reads FHIR as it comes
type Json = Record<string, any>;

const strip = (text: string): string =>
  [...text.toLowerCase().normalize('NFKD')]
    .filter((c) => !/\p{Mn}/u.test(c))
    .join('')
    .replace(/ø/g, 'o')
    .replace(/ł/g, 'l')
    .replace(/ß/g, 'ss');
const words = (text: string): string[] =>
  strip(text)
    .split(/[ ,–-]+/)
    .map((word) => word.replace(/['’`.]/g, ''))
    .filter(Boolean);
const noSuffix = (all: string[]): string[] =>
  all.length > 1 && ['jr', 'sr', 'ii', 'iii', 'iv'].includes(all.at(-1)!) ? noSuffix(all.slice(0, -1)) : all;
const family = (text: string): string => noSuffix(words(text)).join('');
const first = (given: readonly string[]): string[] => {
  const all = noSuffix(given.flatMap(words));
  return all.length === 0 || all[0]!.length === 1 || /^(baby|newborn|infant|boy|girl|twin|bb|bg|fnu)/.test(all[0]!)
    ? []
    : all;
};
const sameFirst = (a: string[], b: string[]): boolean => {
  if (a.length === 0 || b.length === 0) return false;
  if (a[0] !== b[0]) {
    const [short, long] = a.length < b.length ? [a, b] : [b, a];
    return short.length === 1 && long.some((_, i) => long.slice(0, i + 1).join('') === short[0]);
  }
  const n = Math.min(a.length, b.length);
  return a.slice(1, n).every((word, i) => {
    const other = b[i + 1]!;
    return word === other || (word.length === 1 && other[0] === word) || (other.length === 1 && word[0] === other);
  });
};
const number = (value: string): string => value.replace(/[\s.-]/g, '').toLowerCase();

interface Person {
  readonly member: string;
  readonly numbers: readonly { readonly system: string; readonly value: string }[];
  readonly birthDate: string;
  readonly gender: string;
  readonly families: readonly string[];
  readonly firsts: readonly string[][];
  readonly zips: readonly string[];
}
const personOf = ({ member, patient, published }: PayerMember): Person => {
  const names = (patient['name'] as Json[]).filter(({ use }) => use !== 'nickname' && use !== 'anonymous');
  return {
    member,
    numbers: published.flatMap((resource) => [
      ...((resource['identifier'] ?? []) as Json[])
        .filter(({ type }) => ['MB', 'um'].includes(type?.coding?.[0]?.code))
        .map(({ system, value }) => ({ system: system ?? '', value: number(value) })),
      ...(resource['subscriberId'] === undefined ? [] : [{ system: '', value: number(resource['subscriberId']) }]),
    ]),
    birthDate: patient['birthDate'],
    gender: patient['gender'],
    families: names.filter((name) => name['family'] !== undefined).map((name) => family(name['family'])),
    firsts: names.map((name) => first(name['given'] ?? [])),
    zips: ((patient['address'] ?? []) as Json[]).map(({ postalCode }) => String(postalCode).slice(0, 5)),
  };
};

/** The member, or undefined: nobody, or several. */
export function referenceMatcher(payer: readonly PayerMember[]): (asked: Asked) => string | undefined {
  const people = payer.map(personOf);
  const born = Map.groupBy(people, ({ birthDate }) => birthDate);
  const numbered = new Map<string, Set<Person>>();
  for (const person of people)
    for (const { value } of person.numbers) numbered.set(value, (numbered.get(value) ?? new Set()).add(person));
  return (asked) => {
    const name = family(asked.family);
    const sameDay = born.get(asked.birthDate) ?? [];
    const given = first(asked.given);
    const ids = [...asked.memberIds, ...(asked.subscriberId === undefined ? [] : [{ value: asked.subscriberId }])];
    const has = (person: Person, { system, value }: { readonly system?: string; readonly value: string }): boolean =>
      person.numbers.some((one) => one.value === number(value) && (system === undefined || one.system === system));
    const holders = ids.map((id) => [...(numbered.get(number(id.value)) ?? [])].filter((person) => has(person, id)));
    const withId = new Set(holders.flat());
    const isNamed = (person: Person): boolean =>
      person.birthDate === asked.birthDate &&
      /^\d{4}-\d\d-\d\d$/.test(asked.birthDate) &&
      person.families.includes(name);
    const hasFirst = (person: Person): boolean => person.firsts.some((one) => sameFirst(one, given));
    const hasGender = (person: Person): boolean => asked.gender !== 'unknown' && person.gender === asked.gender;
    if (withId.size > 0) {
      const byName = [...withId].filter((person) => isNamed(person) && hasFirst(person));
      if (byName.length > 0) return byName.length === 1 ? byName[0]!.member : undefined;
      const byGender = [...withId].filter((person) => isNamed(person) && hasGender(person));
      const [one] = byGender;
      if (one === undefined || byGender.length > 1) return undefined;
      if (sameDay.some((other) => other !== one && isNamed(other) && hasFirst(other))) return undefined;
      const isOwn = holders.some((some) => some.length === 1 && some[0] === one);
      const hasNoName = given.length === 0 || one.firsts.every((words) => words.length === 0);
      return hasNoName && !isOwn ? undefined : one.member;
    }
    const all = sameDay.filter(
      (person) =>
        isNamed(person) && hasFirst(person) && hasGender(person) && person.zips.includes((asked.zip ?? '').slice(0, 5)),
    );
    return all.length === 1 ? all[0]!.member : undefined;
  };
}
