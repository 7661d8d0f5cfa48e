import { hash } from 'node:crypto';
import type { Demographics } from './bundle.ts';

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
 * gender or an id leaves one of the keys as it was.
 *
 * A key has 32 bits of a hash, so that several people share each one, and the state store never has who was asked for.
 */
export function guessKeys(client: string, of: Demographics): GuessKeys {
  const { birthDate, family, given, gender, subscriberId, memberIds } = of;
  const key = (kind: string, ...parts: readonly unknown[]): string =>
    `${kind}/${hash('sha256', JSON.stringify([client, kind, ...parts]), 'hex').slice(0, 8)}`;
  const name = fold(family);
  const [year, month, day] = birthDate.split('-');
  const ids = [...new Set([subscriberId, ...memberIds.map(({ value }) => value)].filter((id) => id !== undefined))];
  return {
    variant: key('v', name, given.map(fold), birthDate, gender, ids.map(fold).toSorted()),
    near: [
      key('y', name, month, day),
      key('m', name, year, day),
      key('d', name, year, month),
      ...ids.slice(0, MOST_IDS).map((id) => key('i', fold(id))),
    ],
  };
}

/** Only letters and digits, without case and accents. */
const fold = (text: string): string =>
  text
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]/gu, '');
