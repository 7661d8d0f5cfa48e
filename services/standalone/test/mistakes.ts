import type { Variable } from '@provider-access/service/config';

/** One wrong environment, and what the sentence must name. */
export interface Mistake {
  readonly kind: string;
  readonly env: Readonly<Record<string, string>>;
  /** The variable that the sentence begins with. */
  readonly names: string;
  /** The name that was meant, if the mistake is a slip in a name. */
  readonly meant?: string;
}

/** The same numbers for the same seed. https://github.com/bryc/code/blob/master/jshash/PRNGs.md#mulberry32 */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** A slip: what a person's fingers or memory make of a name. Undefined if the name has no place for it. */
type Slip = (name: string, below: (n: number) => number) => string | undefined;
const wordsOf = (name: string): string[] => name.split('_');
const SLIPS: Readonly<Record<string, Slip>> = {
  'two letters exchanged': (name, below) => {
    const at = below(name.length - 1);
    return name[at] === name[at + 1] ? undefined : name.slice(0, at) + name[at + 1]! + name[at]! + name.slice(at + 2);
  },
  'a letter left out': (name, below) => {
    const at = below(name.length);
    return name.slice(0, at) + name.slice(at + 1);
  },
  'a letter twice': (name, below) => {
    const at = below(name.length);
    return name.slice(0, at) + name[at]! + name.slice(at);
  },
  'another letter': (name, below) => {
    const at = below(name.length);
    return `${name.slice(0, at)}Q${name.slice(at + 1)}`;
  },
  'lower case': (name) => name.toLowerCase(),
  'camel case': (name) =>
    wordsOf(name.toLowerCase())
      .map((word, i) => (i === 0 ? word : word[0]!.toUpperCase() + word.slice(1)))
      .join(''),
  'without underscores': (name) => (name.includes('_') ? name.replaceAll('_', '') : undefined),
  'dots or hyphens': (name, below) => (name.includes('_') ? name.replaceAll('_', '-.'[below(2)]!) : undefined),
  'our name in front': (name, below) => ['PA_', 'PROVIDER_ACCESS_'][below(2)]! + name,
  'words in another order': (name) => {
    const [first, ...rest] = wordsOf(name);
    return rest.length === 0 ? undefined : [...rest, first].join('_');
  },
  'a word too many': (name, below) => {
    const words = wordsOf(name);
    return words.length < 3 ? undefined : words.toSpliced(1 + below(words.length - 1), 0, 'POLICY').join('_');
  },
  'the last word missing': (name) => {
    const words = wordsOf(name);
    return words.length < 3 ? undefined : words.slice(0, -1).join('_');
  },
  'another unit': (name) =>
    /_(DAYS|HOURS|SECONDS|MINUTE|MS|BYTES|MIB|KIB)$/.test(name)
      ? name.replace(/_[A-Z]+$/, (unit) =>
          /BYTES|MIB|KIB/.test(unit) ? '_MB' : unit === '_HOURS' ? '_DAYS' : '_HOURS',
        )
      : undefined,
  'a folder for a file': (name) =>
    /_(FILE|DIR)$/.test(name) ? name.replace(/_[A-Z]+$/, (end) => (end === '_DIR' ? '_FOLDER' : '_PATH')) : undefined,
};

/** A value that no variable of this kind takes. Undefined where every text is a value. */
function wrongValue({ default: fallback, description }: Variable): string | undefined {
  if (fallback === 'true' || fallback === 'false') return 'yes';
  if (fallback !== undefined && /^\d+(\.\d+)?$/.test(fallback)) return '-7';
  if (/base URL|Where a collector/.test(description)) return 'example.com';
  if (/^(A second port|Port to)/.test(description)) return 'http';
  if (/^A JSON file/.test(description)) return '/there/is/no/such/file.json';
  return undefined;
}

const TRIES = 50;

/**
 * Mistakes of people who set variables: each kind of slip and each wrong value in turn, at names drawn from the
 * catalogue. `read` are the variables of `npm start`, `ignored` those of separate services alone. A name that another
 * program sets is no mistake.
 */
export function mistakes(
  count: number,
  seed: number,
  read: readonly Variable[],
  ignored: readonly string[],
  foreign: Readonly<Record<string, string>>,
): readonly Mistake[] {
  const below = random(seed);
  const known = new Set([...read.map(({ name }) => name), ...ignored]);
  const made = new Map<string, Mistake>();
  const valued = read.filter((variable) => wrongValue(variable) !== undefined);
  const kinds: (() => Mistake | undefined)[] = [
    ...Object.entries(SLIPS).map(([kind, slip]) => () => {
      const { name } = read[below(read.length)]!;
      const wrong = slip(name, below);
      if (wrong === undefined || known.has(wrong) || wrong in foreign) return undefined;
      return { kind, env: { [wrong]: 'HUSHED' }, names: wrong, meant: name };
    }),
    () => {
      const variable = valued[below(valued.length)]!;
      return { kind: 'a wrong value', env: { [variable.name]: wrongValue(variable)! }, names: variable.name };
    },
    () => {
      const name = ignored[below(ignored.length)]!;
      return { kind: 'a variable of separate services', env: { [name]: 'HUSHED' }, names: name };
    },
  ];
  for (let i = 0; made.size < count; i = (i + 1) % kinds.length) {
    // Few names have a place for some slips, so each kind gets several names to try.
    let mistake: Mistake | undefined;
    for (let tries = 0; mistake === undefined && tries < TRIES; tries++) mistake = kinds[i]!();
    if (mistake !== undefined) made.set(Object.entries(mistake.env).join(), mistake);
  }
  return [...made.values()];
}
