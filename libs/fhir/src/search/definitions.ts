import { SEARCH_TABLE, type SearchRow } from '../definitions/search-table.ts';
import { isSharedType, KNOWN_R4_TYPES, PATIENT_ELEMENT, SERVED_TYPES } from '../types.ts';

/** How strongly a guide asks for a parameter or a combination. */
type SearchLevel = 'SHALL' | 'SHOULD' | 'MAY';
export type SearchKind = 'token' | 'reference' | 'date' | 'string' | 'quantity' | 'uri' | 'composite';

export interface SearchParameter {
  readonly name: string;
  readonly kind: SearchKind;
  /** FHIRPath of the values, as the guide's SearchParameter has it, reduced to one resource type. */
  readonly path: string;
  /** Canonical of the SearchParameter in a guide or in R4. Absent: none of them defines the parameter. */
  readonly definition?: string;
  /** Types to which a reference may point. Absent: any type. */
  readonly targets?: readonly string[];
  /** The code system of a `code` element, which a resource does not repeat beside the code. */
  readonly system?: string;
  readonly level: SearchLevel;
  /** Guides that declare the parameter. */
  readonly sources: readonly string[];
  /** `missing` and others, and for a reference the types that it may name. */
  readonly modifiers: readonly string[];
  readonly comparators?: readonly string[];
  /** Parameters of the referenced resource: `patient.identifier`. */
  readonly chains?: readonly string[];
  /** It names the patient to whom the resource belongs. */
  readonly owner?: true;
  /** A search may use this parameter without `patient` and `_id`. */
  readonly alone?: true;
  /** The index has keys of this parameter. Without them, a search finds candidates by other means and checks them. */
  readonly indexed: boolean;
  readonly documentation: string;
}

interface SearchCombination {
  readonly names: readonly string[];
  readonly level: SearchLevel;
}

/** What clients may search for, include and sort by on one type. */
export interface SearchDefinition {
  readonly type: string;
  readonly parameters: readonly SearchParameter[];
  readonly combinations: readonly SearchCombination[];
  readonly includes: readonly { readonly parameter: string; readonly targets: readonly string[] }[];
  /** The values of `_include`, as the guides write them. `_include` also takes `*`, and each target of a parameter. */
  readonly includeForms: readonly string[];
  /** `Type:parameter` of the resources that a `_revinclude` adds. */
  readonly revincludes: readonly string[];
  /** Parameters that `_sort` accepts. */
  readonly sorts: readonly string[];
}

/** R4 has all of them for dates and quantities. */
const COMPARATORS = ['eq', 'ne', 'gt', 'ge', 'lt', 'le', 'sa', 'eb', 'ap'] as const;

const MODIFIERS: Readonly<Record<SearchKind, readonly string[]>> = {
  token: ['missing', 'not', 'text'],
  reference: ['missing', 'identifier'],
  date: ['missing'],
  string: ['missing', 'exact', 'contains'],
  quantity: ['missing'],
  uri: ['missing'],
  composite: ['missing'],
};

/**
 * The index has no keys of a `code` element or of these parameters. Most resources of a member have the same value, so
 * that a key would find nearly all of them. The owner is known by other means than a key.
 */
const UNINDEXED = new Set(['patient', 'clinical-status']);

/** Parameters that each type has. The table says which guides ask for them. */
const COMMON: Readonly<Record<string, Pick<SearchParameter, 'kind' | 'documentation' | 'modifiers'>>> = {
  _id: { kind: 'token', modifiers: [], documentation: 'Logical id; a comma list means any of them' },
  _lastUpdated: { kind: 'date', modifiers: [], documentation: 'When the platform accepted the version' },
  _profile: { kind: 'uri', modifiers: ['missing'], documentation: 'A profile that the resource declares' },
};
const COMMON_PATHS: Readonly<Record<string, string>> = {
  _id: 'id',
  _lastUpdated: 'meta.lastUpdated',
  _profile: 'meta.profile',
};

function common(type: string, name: string, row: SearchRow | undefined): SearchParameter {
  const { kind, documentation, modifiers } = COMMON[name]!;
  return {
    name,
    kind,
    path: `${type}.${COMMON_PATHS[name]!}`,
    definition: `http://hl7.org/fhir/SearchParameter/Resource-${name.slice(1)}`,
    level: row?.level ?? 'MAY',
    sources: row?.sources ?? ['R4'],
    modifiers,
    ...(kind === 'date' ? { comparators: COMPARATORS } : {}),
    ...(name === '_id' || aloneOf(type, row) ? { alone: true } : {}),
    // Prior authorizations are found among many claims by their profile. Other types have one or two profiles.
    indexed: name === '_profile' && type === 'ExplanationOfBenefit',
    documentation,
  };
}

/**
 * Whether the index has keys of a parameter. It has none of parameters that are there for includes alone, because each
 * key costs intake more than it saves a search among the resources of one member. `_revinclude` needs the target of a
 * Provenance.
 */
function isIndexed(type: string, row: SearchRow, combinations: readonly SearchCombination[]): boolean {
  if (row.kind === 'quantity' || row.kind === 'composite' || row.system !== undefined || UNINDEXED.has(row.name))
    return false;
  return (
    row.level !== 'MAY' ||
    aloneOf(type, row) ||
    type === 'Provenance' ||
    combinations.some(({ names }) => names.includes(row.name))
  );
}

function own(type: string, row: SearchRow, combinations: readonly SearchCombination[]): SearchParameter {
  const kind = row.kind!;
  const isPatient = row.name === 'patient' && PATIENT_ELEMENT[type] !== undefined;
  return {
    name: row.name,
    kind,
    path: row.path!,
    ...(row.definition === undefined ? {} : { definition: row.definition }),
    ...(row.targets === undefined ? {} : { targets: row.targets }),
    ...(row.system === undefined ? {} : { system: row.system }),
    level: row.level,
    sources: row.sources,
    modifiers: isPatient
      ? ['Patient']
      : [...MODIFIERS[kind], ...(kind === 'reference' ? (row.targets ?? KNOWN_R4_TYPES) : [])],
    ...(kind === 'date' || kind === 'quantity' ? { comparators: COMPARATORS } : {}),
    ...(isPatient ? { chains: ['identifier'], owner: true } : row.chains === undefined ? {} : { chains: row.chains }),
    ...(isPatient || aloneOf(type, row) ? { alone: true } : {}),
    indexed: isIndexed(type, row, combinations),
    documentation: row.documentation!,
  };
}

/** A type without a patient is searched as a whole. Other types only where a guide lists the parameter by itself. */
const aloneOf = (type: string, row: SearchRow | undefined): boolean =>
  type === 'Patient' || type === 'Group' || isSharedType(type) || row?.single === true;

/** A guide that names targets of a parameter writes one value for each. */
function includeFormsOf(type: string, includes: Readonly<Record<string, readonly string[]>>): readonly string[] {
  const named = Object.entries(includes).flatMap(([name, targets]) => [name, ...targets.map((to) => `${name}:${to}`)]);
  return (named.length > 0 ? [...named, '*'] : []).map((form) => `${type}:${form}`);
}

function definitionOf(type: string): SearchDefinition {
  const table = Object.hasOwn(SEARCH_TABLE, type) ? SEARCH_TABLE[type] : undefined;
  const rows = table?.parameters ?? [];
  const parameters = [
    ...Object.keys(COMMON).map((name) =>
      common(
        type,
        name,
        rows.find((row) => row.name === name),
      ),
    ),
    ...rows.filter(({ name }) => !name.startsWith('_')).map((row) => own(type, row, table?.combinations ?? [])),
  ];
  return {
    type,
    parameters,
    combinations: table?.combinations ?? [],
    includes: Object.entries(table?.includes ?? {}).map(([parameter, targets]) => ({
      parameter,
      targets: targets.length > 0 ? targets : (parameters.find(({ name }) => name === parameter)?.targets ?? []),
    })),
    includeForms: includeFormsOf(type, table?.includes ?? {}),
    revincludes: table?.revincludes ?? [],
    sorts: ['_id', ...parameters.filter(({ kind }) => kind === 'date').map(({ name }) => name)],
  };
}

/**
 * The searches of each served type and of Group, from the table that scripts/generate-search.mjs writes. The
 * index keys, the parser, the CapabilityStatement and docs/search.md follow from it.
 */
export const SEARCH: Readonly<Record<string, SearchDefinition>> = Object.fromEntries(
  [...SERVED_TYPES, 'Group'].toSorted().map((type) => [type, definitionOf(type)]),
);

/** The searches of a type; undefined if it has none. */
export const searchOf = (type: string): SearchDefinition | undefined =>
  Object.hasOwn(SEARCH, type) ? SEARCH[type] : undefined;
