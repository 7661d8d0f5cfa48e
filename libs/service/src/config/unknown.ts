import { editDistance } from '@provider-access/kernel';
import { businessEnv } from './business.ts';
import { filesEnv } from './files.ts';
import { isAnothers } from './foreign.ts';
import { topicsEnv } from './kafka.ts';
import { processEnv } from './process.ts';
import type { Environment } from './read-config.ts';
import { secretsEnv } from './secrets.ts';

/** Every variable that any process of the platform takes from here: settings are often shared by all of them. */
export const SHARED_VARIABLES: readonly string[] = Object.keys({
  ...processEnv,
  ...topicsEnv,
  ...filesEnv,
  ...secretsEnv,
  ...businessEnv,
});

/** At most so many letters are a slip; in a name's first word (MONGO for MONGODB) too. */
const SLIP = 2;
/** In a short name, two other letters make another word. In a long one, three still do not. */
const slipIn = (name: string): number => (name.length <= 6 ? 1 : name.length < 16 ? SLIP : 3);

const letters = (name: string): string => name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '');
const wordsOf = (name: string): string[] => name.toUpperCase().split(/[^A-Z0-9]+/);
/** `LABEL` for `LABELS`. Short words, such as CA and MS, differ by what one letter says. */
const sameWord = (a: string, b: string): boolean =>
  a === b || (Math.min(a.length, b.length) > 3 && editDistance(a, b) <= 1);

/** The words that people confuse at the end of a name. */
const SYNONYMS = [
  ['FILE', 'PATH', 'DIR', 'DIRECTORY', 'FOLDER'],
  ['URL', 'URI'],
  ['MS', 'SECONDS', 'SECS', 'MINUTE', 'MINUTES', 'HOUR', 'HOURS', 'DAY', 'DAYS'],
  ['BYTES', 'KIB', 'KB', 'MIB', 'MB', 'GIB', 'GB'],
];
const synonyms = (a: string, b: string): boolean => SYNONYMS.some((group) => group.includes(a) && group.includes(b));

/** How many words both lists have, in the same order. */
function wordsInCommon([a, ...as]: readonly string[], [b, ...bs]: readonly string[]): number {
  if (a === undefined || b === undefined) return 0;
  if (sameWord(a, b)) return 1 + wordsInCommon(as, bs);
  return Math.max(wordsInCommon([a, ...as], bs), wordsInCommon(as, [b, ...bs]));
}

/**
 * Whether a name has the words of another one, except for one: SECURITY_LABEL_POLICY_FILE for SECURITY_LABELS_FILE. The
 * first word is the same, because a word in front makes a name of another program (XDG_DATA_DIRS).
 */
function sameButOneWord(name: readonly string[], known: readonly string[]): boolean {
  if (name.length === known.length && name.length > 1 && name.toSorted().join() === known.toSorted().join())
    return true;
  if (!sameWord(name[0]!, known[0]!)) return false;
  const common = wordsInCommon(name, known);
  if (Math.max(name.length, known.length) - common !== 1) return false;
  if (name.length < known.length) return common >= 2;
  if (name.length > known.length) return common >= 3;
  return common >= 3 || (name.at(-1) !== known.at(-1) && synonyms(name.at(-1)!, known.at(-1)!));
}

/** The first word of names of this platform alone, which someone may put before a name that has none. */
const OURS = /^(PA|PROVIDER_ACCESS)_/;

function nearest(name: string, known: readonly string[]): string | undefined {
  if (known.includes(`${name}_FILE`)) return `${name}_FILE`;
  const bare = name.replace(OURS, '');
  const sameLetters = known.find((candidate) => letters(candidate) === letters(bare));
  if (sameLetters !== undefined) return sameLetters;
  let best: { name: string; distance: number } | undefined;
  for (const candidate of known) {
    const slip = slipIn(candidate);
    if (Math.abs(candidate.length - name.length) > slip) continue;
    const distance = editDistance(name, candidate);
    if (distance <= slip && distance < (best?.distance ?? Infinity)) best = { name: candidate, distance };
  }
  if (best !== undefined && best.distance <= SLIP) return best.name;
  // `FACTS_BOUND` for `FACTS_BOUND_MS`. One word alone may begin a name of any program.
  if (/^[A-Z0-9]+_[A-Z0-9_]*[A-Z0-9]$/.test(name)) {
    const longer = known.filter((candidate) => candidate.startsWith(name));
    if (longer.length === 1) return longer[0];
  }
  const words = wordsOf(name);
  return known.find((candidate) => sameButOneWord(words, wordsOf(candidate))) ?? best?.name;
}

/** A name with fewer letters says nothing. */
const SHORTEST = 3;

/**
 * Variables that are set and unknown but look like a known one: a sentence each. `own` are the variables of the
 * process. What a shell, npm, a CI system or Kubernetes sets does not look like one (`foreign-variables.ts` has a long
 * list). A variable of another program may, so the sentence says how to keep it.
 */
export function misspelled(env: Environment, own: readonly string[]): string[] {
  const known = [...new Set([...SHARED_VARIABLES, ...own])];
  const all = new Set(known);
  const faults: string[] = [];
  for (const [name, value] of Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (name.length < SHORTEST || value === undefined || value === '' || all.has(name) || isAnothers(name, value))
      continue;
    const meant = nearest(name, known);
    if (meant !== undefined)
      faults.push(
        `${name}: is not known here; did you mean ${meant}? (If it is for another program, set it to nothing.)`,
      );
  }
  return faults;
}
