import { BoundedMap, withoutEnd } from '@provider-access/kernel';

/** One code system, whatever its name is: a short name of ours, or the URL of a system that the table does not have. */
export type SystemKey = string;

interface CodeSystem {
  /** What a person reads, such as `ICD-10`. */
  readonly name: SystemKey;
  /** Ends of URLs and names without a URL, as `folded` writes them. */
  readonly names: readonly string[];
  readonly oids: readonly string[];
  /** Qualifiers of X12 (837 and 278: HI01-1, SV1, SV2) and numbers of X12's external code sources. */
  readonly x12: readonly string[];
}

/**
 * The spellings of the code systems of claims. One row is one set of codes: HCPCS contains CPT as its first level, and
 * payers send either name for both. HL7's URL of ICD-9 has no name of its own for procedures, so it means both sets.
 */
const TABLE: readonly CodeSystem[] = [
  {
    name: 'ICD-10',
    names: ['sid/icd10cm', 'sid/icd10', 'sid/icd10us', 'codesystem/icd10cm', 'icd10cm', 'icd10'],
    oids: ['2.16.840.1.113883.6.90', '2.16.840.1.113883.6.3'],
    x12: ['abk', 'abf', 'abj', 'abn', 'apr', '897'],
  },
  {
    name: 'ICD-10-PCS',
    names: ['medicare/coding/icd10', 'sid/icd10pcs', 'codesystem/icd10pcs', 'icd10pcs', 'icd10'],
    oids: ['2.16.840.1.113883.6.4'],
    x12: ['bbr', 'bbq', '896'],
  },
  {
    name: 'ICD-9',
    names: ['sid/icd9cm', 'sid/icd9', 'sid/icd9cm/diagnosis', 'codesystem/icd9cm', 'icd9cm', 'icd9'],
    oids: ['2.16.840.1.113883.6.103', '2.16.840.1.113883.6.42', '2.16.840.1.113883.6.2'],
    x12: ['bk', 'bf', 'bj', 'pr', 'bn', '131'],
  },
  {
    name: 'ICD-9 procedure',
    names: ['medicare/coding/icd9', 'sid/icd9cm', 'sid/icd9cm/procedure', 'sid/icd9pcs', 'icd9cm', 'icd9pcs', 'icd9'],
    oids: ['2.16.840.1.113883.6.104'],
    x12: ['br', 'bq', '131'],
  },
  {
    name: 'HCPCS',
    names: [
      ...['medicare/coding/hcpcsreleasecodesets', 'medicare/coding/medhcpcsgeninfo', 'codesystem/hcpcsall'],
      ...['codesystem/hcpcslevelii', 'sid/hcpcs', 'hcpcs', 'amaassn.org/go/cpt', 'codesystem/cpt', 'cpt', 'cpt4'],
    ],
    oids: ['2.16.840.1.113883.6.285', '2.16.840.1.113883.6.14', '2.16.840.1.113883.6.12'],
    x12: ['hc', 'hcpcs', '130', '133'],
  },
  {
    name: 'MS-DRG',
    names: [
      'acuteinpatientpps/msdrgclassificationsandsoftware',
      'codesystem/msdrg',
      'variables/clmdrgcd',
      'msdrg',
      'drg',
    ],
    oids: ['2.16.840.1.113883.6.301', '2.16.840.1.113883.3.88.12.80.4'],
    x12: ['dr', '229'],
  },
  {
    name: 'SNOMED CT',
    names: ['snomed.info/sct', 'snomedct', 'snomed', 'sct'],
    oids: ['2.16.840.1.113883.6.96'],
    x12: [],
  },
  { name: 'RxNorm', names: ['umls/rxnorm', 'rxnorm'], oids: ['2.16.840.1.113883.6.88'], x12: [] },
  { name: 'NDC', names: ['sid/ndc', 'ndc'], oids: ['2.16.840.1.113883.6.69'], x12: ['n4'] },
  { name: 'LOINC', names: ['loinc.org', 'loinc'], oids: ['2.16.840.1.113883.6.1'], x12: ['lb'] },
];
/** The name of a code set inside another URL, such as that of a payer: `https://payer.example/codes/ICD-10-CM`. */
const NEAR: readonly (readonly [RegExp, readonly SystemKey[]])[] = [
  // DRGs of others (APR, AP) have other meanings.
  [/ap[sr]?drg/, []],
  [/icd10pcs/, ['ICD-10-PCS']],
  [/icd10/, ['ICD-10', 'ICD-10-PCS']],
  [/icd9/, ['ICD-9', 'ICD-9 procedure']],
  [/hcpcs|cpt/, ['HCPCS']],
  [/drg/, ['MS-DRG']],
  [/snomed/, ['SNOMED CT']],
];

const OID = /^(?:urn:)?(?:oid:)?(\d+(?:\.\d+)+)$/;
const X12 = /^https?:\/\/(?:www\.|codesystem\.)?x12\.org\/(?:codesystem\/)?(?:005010\/)?external\/(\d+)$/;
/** A name without a scheme is no name that anybody owns. */
const OWNED = /^[a-z][a-z0-9+.-]*:[^a-z0-9]*[a-z0-9]/;
const rowsBy = (names: (row: CodeSystem) => readonly string[]): ReadonlyMap<string, readonly SystemKey[]> => {
  const found = new Map<string, SystemKey[]>();
  for (const row of TABLE) for (const name of names(row)) found.set(name, [...(found.get(name) ?? []), row.name]);
  return found;
};
const OIDS = rowsBy((row) => row.oids);
const QUALIFIERS = rowsBy((row) => row.x12);
const NAMES = rowsBy((row) => row.names);
const MOST_NAMES = 3;

/** Lower case, without a version, a slash at the end, hyphens and blanks. */
const folded = (system: string): string =>
  withoutEnd(system.normalize('NFKC').split('|', 1)[0]!.trim().toLowerCase(), '/?#').replace(/[-_\s]/g, '');

function read(system: string): readonly SystemKey[] | undefined {
  const name = folded(system);
  const oid = OID.exec(name)?.[1];
  if (oid !== undefined) return OIDS.get(oid) ?? [oid];
  const source = X12.exec(name)?.[1];
  if (source !== undefined) return QUALIFIERS.get(source) ?? [name];
  const parts = name.replace(/^[a-z][a-z0-9+.]*:\/*(?:www\.)?/, '').split('/');
  for (let last = Math.min(MOST_NAMES, parts.length); last > 1; last--) {
    const known = NAMES.get(parts.slice(-last).join('/'));
    if (known !== undefined) return known;
  }
  const owned = OWNED.test(name);
  const alone = owned ? undefined : (QUALIFIERS.get(name) ?? NAMES.get(name));
  if (alone !== undefined) return alone;
  if (owned && parts.length === 1) {
    const host = NAMES.get(parts[0]!);
    if (host !== undefined) return host;
  }
  const near = NEAR.find(([pattern]) => pattern.test(name))?.[1];
  if (near !== undefined) return near.length > 0 ? near : [name];
  return owned ? [name.replace(/^https:/, 'http:')] : undefined;
}

/** Payers use few systems, and the tagger asks for each code that a list has. */
const known = new BoundedMap<string, { readonly keys: readonly SystemKey[] | undefined }>(2000);

/**
 * The code systems that a name can mean. Undefined for no name, and for one that nobody owns and the table does not
 * have: its codes can be those of any system.
 */
export function systemsNamed(system: unknown): readonly SystemKey[] | undefined {
  if (typeof system !== 'string' || system === '') return undefined;
  let found = known.get(system);
  if (found === undefined) known.set(system, (found = { keys: read(system) }));
  return found.keys;
}
