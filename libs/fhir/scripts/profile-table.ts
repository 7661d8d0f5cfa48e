/**
 * Dev-time only: the table of profiles (src/definitions/profile-table.ts) from HL7's packages. `npm run tables -w
 * @provider-access/fhir` writes it. The result is committed, so that neither a build nor a start needs the packages.
 * docs/adr/0050-profile-tables.md says what the table holds.
 */
import { type Definition, definitionsOf, HL7_PACKAGES, type Hl7Package } from '@provider-access/definitions';
import { coreOf, rulesOf } from './profile-rules.ts';
import { SERVED_TYPES } from '../src/types.ts';
import { ValueSets } from './value-sets.ts';

interface Source {
  /** The guide's name for people. */
  readonly name: string;
  readonly from: Hl7Package;
  readonly wanted: (id: string) => boolean;
}
const VITAL_SIGNS =
  'vitalsigns vitalspanel resprate heartrate oxygensat bodytemp bodyheight headcircum bodyweight bmi bp'.split(' ');
/** The claims of CARIN BB with money are not served (docs/regulation.md#redaction). */
const FINANCIAL = /^C4BB-ExplanationOfBenefit-.*(?<!-Basis)$/;
const { R4, US_CORE_3, US_CORE_6, CARIN_BB_2_1, CARIN_BB_2_2, PDEX } = HL7_PACKAGES;
const SOURCES: readonly Source[] = [
  { name: 'US Core', from: US_CORE_6, wanted: () => true },
  { name: 'US Core', from: US_CORE_3, wanted: () => true },
  { name: 'CARIN BB', from: CARIN_BB_2_2, wanted: (id) => !FINANCIAL.test(id) },
  // The build of 2.1.0 that is at hand calls itself a draft.
  { name: 'CARIN BB', from: CARIN_BB_2_1, wanted: (id) => !FINANCIAL.test(id) },
  { name: 'PDex', from: PDEX, wanted: (id) => !id.startsWith('mtls-') },
  // The vital signs of US Core 3.1.1.
  { name: 'FHIR R4', from: R4, wanted: (id) => VITAL_SIGNS.includes(id) },
];
export const PROFILE_PACKAGES: readonly Hl7Package[] = SOURCES.map(({ from }) => from);
const served: ReadonlySet<string> = new Set(SERVED_TYPES);

/** Each text once, and its place. */
class Distinct {
  readonly texts: string[] = [];
  readonly #places = new Map<string, number>();
  place(text: string): number {
    let place = this.#places.get(text);
    if (place === undefined) {
      place = this.texts.push(text) - 1;
      this.#places.set(text, place);
    }
    return place;
  }
}

/** `3 7-9` for 3, 7, 8, 9, so that a row stays short. */
function ranges(places: readonly number[]): string {
  const parts: string[] = [];
  for (let at = 0; at < places.length;) {
    let end = at;
    while (places[end + 1] === places[end]! + 1) end += 1;
    parts.push(end === at ? `${places[at]}` : `${places[at]}-${places[end]}`);
    at = end + 1;
  }
  return parts.join(' ');
}

/** A list of texts as TypeScript. A line has one text without quotes, so that people can compare two versions. */
function listOf(texts: readonly string[]): string {
  const text = texts.join('\n');
  if (/[`\\]|\$\{/.test(text)) throw new Error('a text that a template literal would change');
  return `\`\n${text}\n\`.slice(1, -1).split('\\n')`;
}

/** The text of the table. @throws Error if a package is not on this machine */
export function profileTable(): string {
  const packages = new Map<Hl7Package, Definition[]>(
    PROFILE_PACKAGES.map((from) => [
      from,
      definitionsOf(from, (name) => /^(StructureDefinition|ValueSet|CodeSystem)-/.test(name)),
    ]),
  );
  const core = coreOf(packages.get(R4)!);
  const rules = new Distinct();
  const sets = new Distinct();
  const unchecked = new Distinct();
  const rows: string[] = [];
  SOURCES.forEach(({ from, wanted }, guide) => {
    // The guide's own definitions come first, then those of the guides on which it builds.
    const ordered = [packages.get(from)!, ...[...packages].filter(([each]) => each !== from).map(([, p]) => p)];
    const definitions = new Map<string, Definition>();
    for (const each of ordered.flat())
      if (each.resourceType === 'StructureDefinition' && !definitions.has(each.url)) definitions.set(each.url, each);
    const context = { definitions, core, sets: new ValueSets(ordered) };
    const profiles = packages
      .get(from)!
      .filter(
        ({ resourceType, kind, derivation, type, id, abstract }) =>
          resourceType === 'StructureDefinition' &&
          kind === 'resource' &&
          derivation === 'constraint' &&
          abstract !== true &&
          served.has(type) &&
          wanted(id),
      )
      .toSorted((a, b) => (a.url < b.url ? -1 : 1));
    for (const profile of profiles) {
      const found = rulesOf(profile, context);
      const lines = found.rules.map(({ id, rule, codes }) => {
        const binding = codes === undefined ? {} : { binding: sets.place(JSON.stringify(codes)) };
        const when = rule.when?.map(([path, kind, value]) =>
          kind === 'binding' ? [path, kind, sets.place(JSON.stringify(value))] : [path, kind, value],
        );
        return rules.place(`${id} ${JSON.stringify({ ...rule, ...binding, ...(when && { when }) })}`);
      });
      const rest = found.unchecked.map((text) => unchecked.place(text));
      rows.push(
        `  { url: ${JSON.stringify(profile.url)}, guide: ${guide}, type: '${profile.type}', ` +
          `rules: '${ranges(lines)}', unchecked: '${ranges(rest)}' },`,
      );
    }
  });
  return `/**
 * Generated by scripts/generate-profiles.mjs. Do not edit this file. Sources: the StructureDefinitions, ValueSets
 * and CodeSystems of HL7's packages
 * ${SOURCES.map(({ name, from }) => `${name} ${from.version}`).join(', ')}.
 * HL7 publishes them under CC0 1.0. src/profiles/rules.ts describes the format.
 */
export const GUIDE_ROWS = [
${SOURCES.map(({ name, from }) => `  { name: '${name}', version: '${from.version}', licence: 'CC0-1.0' },`).join('\n')}
] as const;

export const PROFILE_ROWS: readonly {
  readonly url: string;
  readonly guide: number;
  readonly type: string;
  readonly rules: string;
  readonly unchecked: string;
}[] = [
${rows.join('\n')}
];

export const RULE_LINES: readonly string[] = ${listOf(rules.texts)};

export const CODE_SETS: readonly Readonly<Record<string, string>>[] = [
${sets.texts.map((text) => `  ${text},`).join('\n')}
];

export const UNCHECKED_LINES: readonly string[] = ${listOf(unchecked.texts)};
`;
}
