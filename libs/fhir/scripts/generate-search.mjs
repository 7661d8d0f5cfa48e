/**
 * Dev-time only: writes src/definitions/search-table.ts and summary-elements.ts from HL7's packages. Run
 * `npm run tables -w @provider-access/fhir`. The results are committed, so that neither a build nor a start needs the
 * packages.
 */
import { writeFileSync } from 'node:fs';
import { definitionsOf, fetchPackage, HL7_PACKAGES } from '@provider-access/definitions';
import { summaryElements } from './summary.mjs';

const { R4, US_CORE_3, US_CORE_6, CARIN_BB_2_2, PDEX } = HL7_PACKAGES;
for (const each of [R4, US_CORE_3, US_CORE_6, CARIN_BB_2_2, PDEX]) await fetchPackage(each);

/** The server statements, the most important one first: its expression and text of a parameter win. */
const STATEMENTS = [
  { source: 'US Core 6.1.0', from: US_CORE_6, statement: 'us-core-server' },
  { source: 'US Core 3.1.1', from: US_CORE_3, statement: 'us-core-server' },
  { source: 'PDex 2.2.0', from: PDEX, statement: 'pdex-server-6-1' },
  { source: 'PDex 2.2.0', from: PDEX, statement: 'pdex-provider-access-server' },
];

/**
 * What the packages do not say in a CapabilityStatement. The package of CARIN BB has no statement: these rows follow
 * the page of its statement (c4bb) of 2.1.0. The rows of R4 are the parameters that a required `_include` or
 * `_revinclude` names, and the patient of types for which the guides declare nothing.
 */
const CARIN = 'CARIN BB 2.1.0';
const ATR = 'ATR 2.1.0';
const SILENT = {
  Coverage: [
    { source: CARIN, level: 'SHALL', names: ['_id'] },
    { source: CARIN, level: 'MAY', names: ['payor'] },
  ],
  ExplanationOfBenefit: [
    {
      source: CARIN,
      level: 'SHALL',
      names: [
        '_id',
        'patient',
        '_lastUpdated',
        'type',
        'identifier',
        'service-date',
        'service-start-date',
        'billable-period-start',
      ],
    },
    { source: CARIN, level: 'MAY', names: ['provider', 'care-team', 'coverage', 'insurer'] },
    { source: 'R4', level: 'MAY', names: ['payee'] },
    { source: 'PDex 2.2.0', level: 'MAY', names: ['use'] },
  ],
  CareTeam: [{ source: 'R4', level: 'MAY', names: ['participant'] }],
  Group: [
    { source: ATR, level: 'SHALL', names: ['identifier', 'name', 'period'] },
    { source: ATR, level: 'SHOULD', names: ['characteristic-value'] },
  ],
  Media: [{ source: 'R4', level: 'MAY', names: ['patient'] }],
  MedicationDispense: [{ source: 'R4', level: 'MAY', names: ['medication'] }],
  MedicationRequest: [{ source: 'R4', level: 'MAY', names: ['medication'] }],
  Observation: [{ source: 'R4', level: 'MAY', names: ['value-quantity'] }],
  Organization: [{ source: 'R4', level: 'MAY', names: ['identifier'] }],
  PractitionerRole: [
    { source: CARIN, level: 'MAY', names: ['organization'] },
    { source: 'R4', level: 'MAY', names: ['endpoint'] },
  ],
  Provenance: [{ source: 'R4', level: 'MAY', names: ['target'] }],
};
/**
 * The statement of ATR's consumer lists parameters for which no guide has a SearchParameter. Its `period` is the
 * validity of the contract.
 */
const UNDEFINED = [
  { base: ['Group'], code: 'name', type: 'string', expression: 'Group.name', description: 'The name of the list' },
  {
    base: ['Group'],
    code: 'period',
    type: 'date',
    expression:
      "Group.extension('http://hl7.org/fhir/us/davinci-atr/StructureDefinition/ext-contractValidityPeriod')" +
      '.value.ofType(Period)',
    description: 'When the contract of the list is valid',
  },
];
const SILENT_INCLUDES = {
  Coverage: ['payor'],
  ExplanationOfBenefit: ['patient', 'provider', 'care-team', 'coverage', 'insurer', 'payee'],
  PractitionerRole: ['organization'],
};

/** Types that the platform does not serve, or that have no searches of their own. */
const SKIPPED = new Set(['Consent', 'ValueSet']);
const LEVELS = ['MAY', 'SHOULD', 'SHALL'];
/** The guides write no expectation where they mean that a server has it (Group of PDex). */
const expectation = (element) =>
  element.extension?.find(({ url }) => url.endsWith('capabilitystatement-expectation'))?.valueCode ?? 'MAY';
const higher = (a, b) => (LEVELS.indexOf(a) >= LEVELS.indexOf(b) ? a : b);

const isSearch = (name) => /^(SearchParameter|CapabilityStatement)-/.test(name);
const guides = new Map();
for (const from of [...STATEMENTS.map((each) => each.from), CARIN_BB_2_2])
  if (!guides.has(from)) guides.set(from, definitionsOf(from, isSearch));
const core = definitionsOf(R4, (name) => /^(SearchParameter|StructureDefinition|ValueSet)-/.test(name));

const parameters = [
  ...[...guides.values(), core].flat().filter(({ resourceType }) => resourceType === 'SearchParameter'),
  ...UNDEFINED,
];
const ofCore = core.filter(({ resourceType }) => resourceType === 'SearchParameter');
const definitionOf = (type, name) => parameters.find(({ base, code }) => base?.includes(type) && code === name);

/** An expression of R4 lists every type that has the parameter: only the branches of `type` stay. */
function pathOf(type, expression) {
  const branches = expression
    .split(/\s*\|\s*/)
    .filter((branch) => branch.startsWith(`${type}.`) || branch.startsWith(`(${type}.`));
  if (branches.length === 0) throw new Error(`${type}: no branch of ${expression}`);
  return branches.join(' | ');
}

/** R4 describes a parameter of several types in one list with a line for each. */
function documentationOf(type, name) {
  const described = ofCore.find(({ base, code }) => base?.includes(type) && code === name)?.description;
  const text = described ?? definitionOf(type, name).description;
  const line = new RegExp(String.raw`^\* \[${type}\]\([^)]*\): (.*)$`, 'm').exec(text);
  return (line?.[1] ?? text)
    .replace(/\*\*NOTE\*\*[\s\S]*/, '')
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/\s+/g, ' ')
    .replace(/\*\*|`/g, '')
    .replace(/\.?\s*$/, '')
    .trim();
}

/** The one code system of a `code`, so that `system|code` can be compared with a value that has no system. */
function systemOf(path) {
  if (!/^[A-Za-z.]+$/.test(path)) return undefined;
  const type = path.slice(0, path.indexOf('.'));
  const definition = core.find(({ resourceType, id }) => resourceType === 'StructureDefinition' && id === type);
  const element = definition.snapshot.element.find((each) => each.path === path);
  if (element?.type?.[0]?.code !== 'code') return undefined;
  const url = element.binding?.valueSet?.split('|')[0];
  const set = core.find((each) => each.resourceType === 'ValueSet' && each.url === url);
  const systems = new Set((set?.compose?.include ?? []).map(({ system }) => system));
  return systems.size === 1 ? [...systems][0] : undefined;
}

const types = new Map();
const typeOf = (type) => {
  if (!types.has(type))
    types.set(type, { parameters: new Map(), combinations: new Map(), includes: new Map(), revincludes: new Set() });
  return types.get(type);
};

function add(type, name, level, source, single) {
  const { parameters: known } = typeOf(type);
  const row = known.get(name) ?? { name, level, sources: [], single: false };
  row.level = higher(row.level, level);
  if (!row.sources.includes(source)) row.sources.push(source);
  row.single ||= single;
  known.set(name, row);
}

for (const { source, from, statement } of STATEMENTS) {
  const { rest } = guides
    .get(from)
    .find(({ id, resourceType }) => resourceType === 'CapabilityStatement' && id === statement);
  for (const resource of rest[0].resource) {
    const { type } = resource;
    if (SKIPPED.has(type)) continue;
    for (const parameter of resource.searchParam ?? []) {
      const level = expectation(parameter);
      add(type, parameter.name, level, source, level !== 'MAY');
    }
    for (const extension of resource.extension ?? []) {
      if (!extension.url.endsWith('search-parameter-combination')) continue;
      const names = extension.extension.filter(({ url }) => url === 'required').map(({ valueString }) => valueString);
      const key = names.toSorted().join('+');
      const { combinations } = typeOf(type);
      const known = combinations.get(key);
      const level = expectation(extension);
      combinations.set(key, { names: known?.names ?? names, level: higher(known?.level ?? 'MAY', level) });
    }
    for (const include of resource.searchInclude ?? []) {
      const [, name, target] = include.split(':');
      if (name === '*') continue;
      const { includes } = typeOf(type);
      const targets = new Set(includes.get(name) ?? []);
      if (target !== undefined) targets.add(target);
      includes.set(name, [...targets]);
    }
    for (const include of resource.searchRevInclude ?? []) typeOf(type).revincludes.add(include);
  }
}
for (const [type, rows] of Object.entries(SILENT))
  for (const { source, level, names } of rows)
    for (const name of names) add(type, name, level, source, level !== 'MAY');
for (const [type, names] of Object.entries(SILENT_INCLUDES))
  for (const name of names) if (!typeOf(type).includes.has(name)) typeOf(type).includes.set(name, []);

/** `_id`, `_lastUpdated` and `_profile` are the same for each type; the table keeps who asks for them. */
function rowOf(type, { name, level, sources, single }) {
  const common = { name, level, sources, ...(single ? { single: true } : {}) };
  if (name.startsWith('_')) return common;
  const definition = definitionOf(type, name);
  if (definition === undefined) throw new Error(`${type}: no definition of ${name}`);
  const path = pathOf(type, definition.expression);
  const system = definition.type === 'token' ? systemOf(path) : undefined;
  const targets = definition.target ?? [];
  return {
    ...common,
    kind: definition.type,
    path,
    ...(definition.url === undefined ? {} : { definition: definition.url }),
    ...(definition.type === 'reference' && targets.length < 20 ? { targets } : {}),
    ...(system === undefined ? {} : { system }),
    ...(definition.chain === undefined ? {} : { chains: definition.chain }),
    documentation: documentationOf(type, name),
  };
}

const lines = [...types]
  .toSorted(([a], [b]) => (a < b ? -1 : 1))
  .map(([type, { parameters: known, combinations, includes, revincludes }]) => {
    const block = (name, rows) =>
      rows.length === 0 ? `    ${name}: [],` : `    ${name}: [\n${rows.join('\n')}\n    ],`;
    const rows = [...known.values()].map((row) => `      ${JSON.stringify(rowOf(type, row))},`);
    const sets = [...combinations.values()].map((row) => `      ${JSON.stringify(row)},`);
    return `  ${type}: {
${block('parameters', rows)}
${block('combinations', sets)}
    includes: ${JSON.stringify(Object.fromEntries(includes))},
    revincludes: ${JSON.stringify([...revincludes])},
  },`;
  });
const text = `/**
 * Generated by scripts/generate-search.mjs. Do not edit this file. Sources: the server CapabilityStatements and
 * SearchParameters of HL7's packages US Core 6.1.0 and 3.1.1, PDex 2.2.0 and CARIN BB 2.2.0, and FHIR R4 (4.0.1). HL7
 * publishes them under CC0 1.0. The script lists the rows about which the packages are silent.
 */
export interface SearchRow {
  readonly name: string;
  readonly level: 'SHALL' | 'SHOULD' | 'MAY';
  readonly sources: readonly string[];
  /** A statement lists the parameter as SHALL or SHOULD by itself, and not only in combinations. */
  readonly single?: true;
  readonly kind?: 'token' | 'reference' | 'date' | 'string' | 'quantity' | 'uri';
  readonly path?: string;
  /** Canonical of the SearchParameter; absent where no guide has one. */
  readonly definition?: string;
  readonly targets?: readonly string[];
  readonly system?: string;
  /** Parameters of the referenced resource that the SearchParameter names as chains. */
  readonly chains?: readonly string[];
  readonly documentation?: string;
}
export interface SearchRows {
  readonly parameters: readonly SearchRow[];
  readonly combinations: readonly { readonly names: readonly string[]; readonly level: 'SHALL' | 'SHOULD' | 'MAY' }[];
  readonly includes: Readonly<Record<string, readonly string[]>>;
  readonly revincludes: readonly string[];
}

export const SEARCH_TABLE: Readonly<Record<string, SearchRows>> = {
${lines.join('\n')}
};
`;
writeFileSync(new URL('../src/definitions/search-table.ts', import.meta.url), text);
const summary = summaryElements(core);
writeFileSync(new URL('../src/definitions/summary-elements.ts', import.meta.url), summary);
process.stdout.write(`${types.size} types, ${text.length} bytes; summary elements: ${summary.length} bytes\n`);
