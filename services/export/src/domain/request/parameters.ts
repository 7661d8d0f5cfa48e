import type { Refusal } from '@provider-access/kernel';
import { dateRange, isServedType, KNOWN_R4_TYPES, printable, SERVED_TYPES } from '@provider-access/fhir';
import {
  EXPORT_PARAMETERS,
  type EXPORT_TYPES,
  type ExportOperation,
  type ExportParameter,
  exportParameter,
  type ExportTypeParse,
  LIST_TYPES,
  parseExportType,
} from '@provider-access/domain/pdex';
import { NDJSON } from '@provider-access/jobs/files';
import { type AskedPatient, readPatients } from './patients.ts';
import { type AskedProvenance, readAssociatedData } from './associated-data.ts';
import { type ElementsOfTypes, readElements } from './elements.ts';
import { readTypeFilters, type TypeFilter } from './type-filters.ts';
import { type Fault, Given, type GivenParameter, refusal, type Warning } from './given.ts';

export type Operation = ExportOperation;

export interface KickOffRequest {
  readonly types: readonly string[];
  /** RFC 3339 instant. */
  readonly since?: string;
  readonly exportType?: string;
  /** Absent: everybody. Empty: nobody. */
  readonly patients?: readonly AskedPatient[];
  readonly filters?: readonly TypeFilter[];
  readonly elements?: ElementsOfTypes;
  /** RFC 3339 instant. */
  readonly until?: string;
  readonly provenance?: AskedProvenance;
  /** The files have a block for each patient. */
  readonly organizeBy?: 'Patient';
  /** The export has the line of the Group: as ATR's list export, or beside ordinary files. */
  readonly list?: 'attribution' | 'group';
  readonly warnings: readonly Warning[];
}
export interface KickOffContext {
  readonly lenient: boolean;
  /** ms since the epoch */
  readonly now: number;
  /** Whether the access token covers a type. */
  readonly inScope: (type: string) => boolean;
  /** The absolute base of our FHIR resources. */
  readonly base: string;
}
/** The media type of the files. */
const FORMATS = new Set([NDJSON, 'application/ndjson', 'ndjson']);
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** The name that the pages of ATR give `_type` of `$davinci-data-export`. Its OperationDefinition has `_type`. */
const TYPE_ALIAS = 'resourceTypes';
type ExportTypeFault = Extract<ExportTypeParse, { readonly ok: false }>['reason'];
/** Why an `exportType` is refused: by what is wrong with it, or by the type itself. */
const EXPORT_TYPE_FAULTS: Readonly<Record<ExportTypeFault, Fault> & Partial<Record<keyof typeof EXPORT_TYPES, Fault>>> =
  {
    'needs-since': [
      'required',
      '_since',
      'exportType provider-delta needs _since. Send the transactionTime of the previous export.',
    ],
    unknown: ['invalid-value', 'exportType', 'exportType is not a code that PDex or ATR defines for this operation.'],
    'needs-types': [
      'required',
      '_type',
      'exportType hl7.fhir.us.davinci-atr needs _type with at least Group, Patient and Coverage.',
    ],
    payertopayer: ['not-supported', 'exportType', 'exportType payertopayer belongs to the Payer-to-Payer API.'],
  };

/** A `+` of `application/fhir+ndjson` that the client did not encode on the URL arrives as a space. */
const unescapedPlus = (parameter: GivenParameter): GivenParameter =>
  parameter.name === '_outputFormat' ? { ...parameter, value: parameter.value.replaceAll(' ', '+') } : parameter;

/** A list of types that an error names, so that the client need not look for it. */
const listed = (types: readonly string[]): string => (types.length === 0 ? 'no type' : types.join(', '));
const SERVES = `This server exports: ${listed([...SERVED_TYPES, 'Group'])}.`;

/**
 * Reads the parameters of a kick-off. With `handling=lenient`, the server ignores what restricts nothing, and adds a
 * warning (ADR 0109).
 * @throws Refusal that names the parameter
 */
export function parseKickOff(
  operation: Operation,
  url: readonly GivenParameter[],
  body: readonly GivenParameter[],
  context: KickOffContext,
): KickOffRequest {
  const twice = body.find((b) => url.some((u) => u.name === b.name));
  if (twice !== undefined)
    throw refusal(
      'invalid-request',
      printable(twice.name),
      `${printable(twice.name)} is both on the URL and in the body: give it once.`,
    );
  const given = new Given([...url.map(unescapedPlus), ...body], context.lenient);
  checkNames(given, operation, url);
  const typeName = typeParameter(given);
  checkFormat(given);
  checkPartialManifests(given);
  const since = readSince(given, context.now);
  const asked = given
    .values(typeName)
    .flatMap((list) => list.split(','))
    .map((type) => type.trim());
  const provenance = readAssociatedData(given);
  const types = withProvenance(readTypes(given, typeName, asked, context.inScope), provenance, context.inScope);
  const exportType = operation === '$davinci-data-export' ? readExportType(given, since, asked) : undefined;
  const list = readList(given, types, exportType, typeName);
  const others = types.filter((type) => type !== GROUP);
  return {
    types: types.toSorted(),
    since,
    exportType,
    patients: readPatients(given, context.base),
    filters: readTypeFilters(given, { types: others, inScope: context.inScope, base: context.base, url }),
    elements: readElements(given, others),
    until: readUntil(given, since),
    provenance,
    organizeBy: readOrganizeBy(given, list),
    list,
    warnings: given.warnings,
  };
}

const GROUP = 'Group';
/** Restrictions that the line of the Group, which is always whole, does not follow. */
const NOT_FOR_GROUP = ['_until', '_elements'];

/** What the export has of the list. What a list export has not is refused, and so is what cannot restrict the list. */
function readList(
  given: Given,
  types: readonly string[],
  exportType: string | undefined,
  typeName: string,
): KickOffRequest['list'] {
  if (!types.includes(GROUP)) return undefined;
  const ignored = NOT_FOR_GROUP.find((name) => given.names().has(name));
  if (ignored !== undefined)
    throw refusal('not-supported', ignored, `${ignored} cannot be used with the type Group, which is always whole.`);
  if (exportType !== 'attribution-list') return 'group';
  const other = types.find((type) => !LIST_TYPES.includes(type));
  if (other === undefined) return 'attribution';
  const text = `${other} is not valid with exportType hl7.fhir.us.davinci-atr. It takes: ${listed(LIST_TYPES)}.`;
  throw refusal('invalid-value', typeName, text);
}

/** Refuses or ignores what is not for this request, and refuses what is given too often. */
function checkNames(given: Given, operation: Operation, url: readonly GivenParameter[]): void {
  for (const name of given.names()) {
    const parameter = exportParameter(name);
    const why = whyNot(parameter, operation, url);
    if (why !== undefined) {
      const shown = printable(name);
      given.refuseOrIgnore(refusal('not-supported', shown, `${shown} ${why}`));
    } else if (parameter!.cardinality === '0..1' && given.values(name).length > 1)
      throw refusal('invalid-request', name, `${name} may be given only once.`);
  }
}

/** Why this request must not have the parameter. */
function whyNot(
  parameter: ExportParameter | undefined,
  operation: Operation,
  url: readonly GivenParameter[],
): string | undefined {
  if (parameter?.operations.includes(operation) !== true)
    return `is not a parameter of this operation. It has: ${listed(namesOf(operation))}.`;
  if (!parameter.offered) return 'is not offered.';
  if (parameter.where === 'body' && url.some(({ name }) => name === parameter.name))
    return 'must stand in the body of a POST.';
  return undefined;
}
const namesOf = (operation: Operation): readonly string[] =>
  OFFERED.filter(({ operations }) => operations.includes(operation)).map(({ name }) => name);
const OFFERED: readonly ExportParameter[] = EXPORT_PARAMETERS.filter(({ offered }) => offered);

/** The name under which the request gives the types. */
function typeParameter(given: Given): string {
  if (given.values(TYPE_ALIAS).length === 0) return '_type';
  if (given.values('_type').length > 0)
    throw refusal('invalid-request', TYPE_ALIAS, `${TYPE_ALIAS} and _type are the same parameter: give one of them.`);
  return TYPE_ALIAS;
}

/** The manifest is always complete, so the server only checks the value. */
function checkPartialManifests(given: Given): void {
  const [value] = given.values(PARTIAL);
  if (value !== undefined && value !== 'true' && value !== 'false')
    given.refuseOrIgnore(refusal('invalid-value', PARTIAL, `${PARTIAL} must be true or false.`));
}
const PARTIAL = 'allowPartialManifests';

/** Other values are refused, or give ordinary files with the same data. */
function readOrganizeBy(given: Given, list: KickOffRequest['list']): 'Patient' | undefined {
  const [type] = given.values(ORGANIZE);
  if (type === undefined || (type === 'Patient' && list === undefined)) return type;
  const why = type === 'Patient' ? 'cannot be used with the type Group.' : 'takes: Patient.';
  given.refuseOrIgnore(refusal('not-supported', ORGANIZE, `${ORGANIZE} ${why}`));
  return undefined;
}
const ORGANIZE = 'organizeOutputBy';

function checkFormat(given: Given): void {
  const [format] = given.values('_outputFormat');
  if (format !== undefined && !FORMATS.has(format))
    given.refuseOrIgnore(refusal('not-supported', '_outputFormat', `Only NDJSON is offered: ${NDJSON}.`));
}

/** RFC 3339 instant in UTC. */
function readSince(given: Given, now: number): string | undefined {
  const [since] = given.values('_since');
  if (since === undefined) return undefined;
  assertInstant('_since', since);
  if (Date.parse(since) > now) throw refusal('invalid-value', '_since', '_since is in the future.');
  return new Date(since).toISOString();
}

/** RFC 3339 instant in UTC. One in the future restricts nothing. */
function readUntil(given: Given, since: string | undefined): string | undefined {
  const [until] = given.values('_until');
  if (until === undefined) return undefined;
  assertInstant('_until', until);
  if (since !== undefined && Date.parse(until) <= Date.parse(since))
    throw refusal('invalid-value', '_until', '_until must be later than _since.');
  return new Date(until).toISOString();
}

function assertInstant(name: string, text: string): void {
  // A `+` in a URL that the client did not encode arrives as a space.
  if (!INSTANT.test(text) || dateRange(text) === undefined)
    throw refusal(
      'invalid-value',
      name,
      `${name} must be an instant with seconds and a zone, such as 2026-01-31T10:00:00Z (a + is %2B on a URL).`,
    );
}

/** The types to export: those that the request names, or every type that the token covers. */
function readTypes(
  given: Given,
  parameter: string,
  asked: readonly string[],
  inScope: (type: string) => boolean,
): readonly string[] {
  const covered = SERVED_TYPES.filter(inScope);
  const named = inScope(GROUP) ? [...covered, GROUP] : covered;
  const types: string[] = asked.length === 0 ? [...covered] : [];
  for (const type of new Set(asked)) {
    const fault = typeFault(type, parameter, named);
    if (fault === undefined) types.push(type);
    else if (fault.kind === 'insufficient-scope') throw fault;
    else given.refuseOrLeaveOut(fault);
  }
  if (types.length > 0) return types;
  // An empty list must never mean "no filter", so refuse the request, with lenient too.
  throw asked.length === 0
    ? refusal('insufficient-scope', parameter, 'The access token covers no type that this server exports.')
    : refusal('invalid-value', parameter, `None of the types of ${parameter} can be exported. ${SERVES}`);
}

/** Who asks for Provenances gets them, also if `_type` does not name the type. */
function withProvenance(
  types: readonly string[],
  provenance: AskedProvenance | undefined,
  inScope: (type: string) => boolean,
): readonly string[] {
  if (provenance === undefined || types.includes('Provenance')) return types;
  if (inScope('Provenance')) return [...types, 'Provenance'];
  throw refusal(
    'insufficient-scope',
    'includeAssociatedData',
    'includeAssociatedData: the access token does not cover Provenance.',
  );
}

function typeFault(type: string, parameter: string, covered: readonly string[]): Refusal | undefined {
  if (covered.includes(type)) return undefined;
  if (isServedType(type) || type === GROUP) {
    const text = `${parameter}: the access token does not cover ${type}. It covers: ${listed(covered)}.`;
    return refusal('insufficient-scope', parameter, text);
  }
  const text = KNOWN_R4_TYPES.has(type)
    ? `${parameter}: this server does not export ${type}. ${SERVES}`
    : `${parameter} names something that is not an R4 resource type. ${SERVES}`;
  return refusal('invalid-value', parameter, text);
}

function readExportType(given: Given, since: string | undefined, types: readonly string[]): string {
  const [code] = given.values('exportType');
  const parsed = parseExportType(code, { since: since !== undefined, types });
  if (!parsed.ok) throw refusal(...EXPORT_TYPE_FAULTS[parsed.reason]);
  const fault = EXPORT_TYPE_FAULTS[parsed.exportType];
  if (fault !== undefined) throw refusal(...fault);
  return parsed.exportType;
}
