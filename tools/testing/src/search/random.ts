import { inject } from 'vitest';
import { type FhirResource, isObject, structureOf } from '@provider-access/fhir';

/** The values of this spec's suite (`.ci/vitest.base.mjs`). */
export const seed: number = inject('seed' as never);
export const cases = (count: number): number => (inject('long' as never) ? 20 * count : count);

/** Choices that repeat with the same seed (mulberry32). */
export class Random {
  #state: number;
  constructor(state: number) {
    this.#state = state >>> 0;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }
  chance(probability: number): boolean {
    return this.next() < probability;
  }
  one<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

export const BASE = 'https://payer.example/fhir';
const CODES =
  'final active ACTIVE Active inactive 8302-2 laboratory vital-signs male Größe a|b a,b a\\b x$y İ 1 é'.split(' ');
const SYSTEMS = ['http://loinc.org', 'http://LOINC.org', 'urn:oid:1.2.3', 'urn:a|b'];
const TEXTS = [
  'Smith',
  'smith-Jones',
  'Smíth',
  "O'Brien, Jr",
  'de la  Cruz',
  'Ann Marie',
  'Åsa',
  'ﬁne',
  'Straße 1',
  '東京',
  '\u{1f600} smile',
  'İstanbul',
  'x'.repeat(140),
  `${'y'.repeat(122)}\u{1f600}z`,
  'a\\b$c|d',
  'Springfield',
  'IL',
  '62701-1234',
];
const TYPES = 'Patient Practitioner PractitionerRole Organization Location Encounter Medication Coverage'.split(' ');
const URLS = ['http://x.example/Questionnaire/q', 'http://x.example/Questionnaire/q|1.0', 'urn:uuid:0-1', 'http://p|2'];

export function randomDate(random: Random): string {
  const two = (value: number) => String(value).padStart(2, '0');
  // Few days, so that dates of searches and resources meet.
  const year = random.one(['2020', '2020', '2020', '2020', '2021', '0001', '9999']);
  const month = `${year}-${two(1 + random.below(2))}`;
  const day = `${month}-${random.one(['01', '02', '03', '28', '29'])}`.replace(/(?<!2020)-02-29/, '-02-28');
  const minute = `${day}T${two(random.below(24))}:${two(random.below(60))}`;
  const zone = random.one(['Z', '+02:00', '-05:00', '+14:00', '-11:30']);
  const second = `${minute}:${two(random.below(60))}`;
  return random.one([year, month, day, day, second + zone, `${second}.${random.below(1000)}${zone}`]);
}

function randomReference(random: Random): unknown {
  const name = `${random.one(TYPES)}/${random.one(['a', 'b', 'c'])}`;
  const reference = random.one([
    name,
    name,
    `${name}/_history/2`,
    `${BASE}/${name}`,
    `http://other.example/r4/${name}`,
    '#p',
    'urn:uuid:0-1',
    undefined,
  ]);
  return {
    ...(reference === undefined ? {} : { reference }),
    ...(random.chance(0.3) ? { identifier: randomValue(random, 'Identifier', 3) } : {}),
  };
}

const maybe = (random: Random, name: string, value: () => unknown): Record<string, unknown> =>
  random.chance(0.7) ? { [name]: value() } : {};

/** A value of a datatype. It is valid, apart from bindings, invariants and missing mandatory elements. */
export function randomValue(random: Random, type: string, depth: number): unknown {
  switch (type) {
    case 'boolean':
      return random.chance(0.5);
    case 'decimal':
      return random.one([5, 5.4, 5.45, -3, 100, 0.001, 0]);
    case 'integer':
    case 'positiveInt':
    case 'unsignedInt':
      return random.below(10);
    case 'date':
      return randomDate(random).slice(0, 10);
    case 'dateTime':
    case 'instant':
      return randomDate(random);
    case 'code':
      return random.one(CODES);
    case 'uri':
    case 'url':
    case 'canonical':
      return random.one(URLS);
    case 'string':
    case 'markdown':
      return random.one(TEXTS);
    case 'Reference':
      return randomReference(random);
    case 'Coding':
      return {
        ...maybe(random, 'system', () => random.one(SYSTEMS)),
        ...maybe(random, 'code', () => random.one(CODES)),
        ...maybe(random, 'display', () => random.one(TEXTS)),
      };
    case 'Identifier':
      return {
        ...maybe(random, 'system', () => random.one(SYSTEMS)),
        ...maybe(random, 'value', () => random.one(CODES)),
        ...maybe(random, 'type', () => ({ text: random.one(TEXTS) })),
      };
    case 'Period': {
      const start = randomDate(random);
      // Often some hours, or a day and some hours, as in an encounter.
      const day = `${start.slice(0, 4)}-01-0`;
      const [first, second] = [1 + random.below(3), random.below(2)];
      if (random.chance(0.5))
        return {
          start: `${day}${first}T0${random.below(9)}:00:00Z`,
          end: `${day}${first + second}T${10 + random.below(10)}:00:00Z`,
        };
      const end = randomDate(random);
      return { ...maybe(random, 'start', () => start), ...maybe(random, 'end', () => end) };
    }
    case 'Quantity':
      return {
        value: randomValue(random, 'decimal', 0),
        ...(random.chance(0.3) ? { comparator: random.one(['<', '<=', '>', '>=']) } : {}),
        ...maybe(random, 'unit', () => random.one(['mg', 'milligram'])),
        ...maybe(random, 'system', () => 'http://unitsofmeasure.org'),
        ...maybe(random, 'code', () => random.one(['mg', 'g'])),
      };
  }
  return structureOf(type) === undefined ? 'x' : randomObject(random, type, depth);
}

const SKIPPED = new Set(['Resource', 'Extension', 'Narrative', 'xhtml', 'base64Binary']);

function randomObject(random: Random, type: string, depth: number): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  const elements = [...(structureOf(type)?.elements.values() ?? [])];
  const chosen = new Map(
    elements.map(({ choice }) => [choice, random.one(elements.filter((e) => e.choice === choice))]),
  );
  for (const element of elements) {
    const { name, type: of, list, choice, primitive } = element;
    if (SKIPPED.has(of) || name === 'id' || (depth === 0 && !primitive) || !random.chance(0.7)) continue;
    if (choice !== undefined && chosen.get(choice) !== element) continue;
    const item = () => randomValue(random, of, depth - 1);
    value[name] = list ? Array.from({ length: 1 + random.below(2) }, item) : item();
  }
  return value;
}

/** A resource of a type with values that often meet those of others, and of searches. */
export function randomResource(random: Random, type: string): FhirResource {
  const body = randomObject(random, type, 4);
  const asserted = {
    url: 'http://hl7.org/fhir/StructureDefinition/condition-assertedDate',
    valueDateTime: randomDate(random),
  };
  return {
    ...body,
    resourceType: type,
    id: random.one(['a', 'b', 'c']),
    ...(type === 'Condition' && random.chance(0.7) ? { extension: [{ url: 'http://y' }, asserted] } : {}),
  };
}

const JUNK: readonly unknown[] = [
  null,
  0,
  '',
  'x',
  true,
  [],
  {},
  [null],
  [[{}]],
  { reference: 1 },
  { coding: 'x' },
  '\ud800',
];

/** The same resource with some of its values replaced by JSON of another shape. */
export function damaged(random: Random, value: unknown): unknown {
  if (random.chance(0.05)) return random.one(JUNK);
  if (Array.isArray(value)) return value.map((item) => damaged(random, item));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, name === 'resourceType' ? item : damaged(random, item)]),
  );
}
