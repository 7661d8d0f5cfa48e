import { hash } from 'node:crypto';
import { normalSystem, normalValue } from '../labels/persons.ts';
import type { Demographics } from './bundle.ts';
import { describedBy } from './described.ts';

/** What a missed search leaves for the count of guesses (M77). */
export interface GuessKeys {
  /** All that was asked. The same question again is the same variant. */
  readonly variant: string;
  /** What guesses of one person have in common. */
  readonly near: readonly string[];
}

/** More ids of one bundle add nothing: each guess changes something that another key has. */
const MOST_IDS = 4;

/**
 * The keys of a search, so that searches with near-equal demographics have one in common: the family name with the
 * birth date but for its year, month or day, and each id. Any change of one digit of the date, of the first name, the
 * gender, the ZIP or an id leaves one of the keys as it was. What is compared is what the finder compares
 * (`describedBy`, `normalValue`), so that another spelling is no other question, and nothing else is the same one.
 *
 * A key has 32 bits of a hash, so that several people share each one, and the state store never has who was asked for.
 */
export function guessKeys(client: string, of: Demographics): GuessKeys {
  const key = (kind: string, ...parts: readonly unknown[]): string =>
    `${kind}/${hash('sha256', JSON.stringify([client, kind, ...parts]), 'hex').slice(0, 8)}`;
  const asked = describedBy(of);
  const { families, birthDate } = asked;
  const [year, month, day] = birthDate?.split('-') ?? [];
  const ids = [{ value: of.subscriberId, system: undefined }, ...of.memberIds].map(({ value, system }) => ({
    value: normalValue(value),
    system: normalSystem(system),
  }));
  const values = [...new Set(ids.map(({ value }) => value))].filter((value) => value !== '');
  const inSystems = [...new Set(ids.map(({ value, system }) => `${system}|${value}`))].toSorted();
  return {
    variant: key('v', asked, inSystems),
    near: [
      // A text such as `Unknown` is no name, and finds nobody.
      ...(birthDate === undefined ? [] : families).flatMap((family) => [
        key('y', family, month, day),
        key('m', family, year, day),
        key('d', family, year, month),
      ]),
      ...values.slice(0, MOST_IDS).map((value) => key('i', value)),
    ],
  };
}
