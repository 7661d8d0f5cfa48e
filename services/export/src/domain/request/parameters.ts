import { Refusal, type RefusalKind, REFUSALS } from '@provider-access/kernel';
import { dateRange, isServedType, KNOWN_R4_TYPES, SERVED_TYPES } from '@provider-access/fhir';
import { type EXPORT_TYPES, type ExportTypeParse, parseExportType } from '@provider-access/domain/pdex';
import { z } from 'zod';

export type Operation = '$export' | '$davinci-data-export';
/** A parameter of a kick-off (docs/regulation.md#export-parameters) as the client sent it, with repeats. */
export interface GivenParameter {
  readonly name: string;
  readonly value: string;
}
interface Warning {
  readonly code: string;
  readonly text: string;
  readonly parameter: string;
}

export interface KickOffRequest {
  readonly types: readonly string[];
  /** RFC 3339 instant. */
  readonly since?: string;
  readonly exportType?: string;
  readonly warnings: readonly Warning[];
}
const FORMATS = new Set(['application/fhir+ndjson', 'application/ndjson', 'ndjson']);
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** The name that the pages of ATR give `_type` of `$davinci-data-export`. Its OperationDefinition has `_type`. */
const TYPE_ALIAS = 'resourceTypes';
interface Parameter {
  readonly name: string;
  readonly description: string;
  /** The parameter may not be repeated. */
  readonly once?: true;
  /** Only this operation has it. Default: both. */
  readonly of?: Operation;
}
/** The parameters that this server reads. */
export const PARAMETERS: readonly Parameter[] = [
  { name: '_type', description: 'Resource types, separated by commas. Default: all that the scopes cover.' },
  {
    name: '_since',
    description: 'Only what changed since this instant: `transactionTime` of the export before.',
    once: true,
  },
  { name: '_outputFormat', description: 'Only `application/fhir+ndjson`.', once: true },
  { name: 'allowPartialManifests', description: 'Accepted. The manifest is always complete.' },
  {
    name: 'exportType',
    description: 'What kind of export it is, for example `hl7.fhir.us.davinci-pdex#provider-download`.',
    once: true,
    of: '$davinci-data-export',
  },
  { name: TYPE_ALIAS, description: 'Another name of `_type`. Give only one of them.', of: '$davinci-data-export' },
];
/** Parameters that the guides define and this server does not support. An answer names them as such. */
const NOT_YET = new Set(['_typeFilter', 'patient', '_elements', '_until', 'includeAssociatedData', 'organizeOutputBy']);

type Fault = readonly [kind: RefusalKind, parameter: string, text: string];
type ExportTypeFault = Extract<ExportTypeParse, { readonly ok: false }>['reason'];
const LIST_EXPORT: Fault = ['not-supported', 'exportType', 'The list export of ATR is not offered yet.'];
/** Why an `exportType` is refused: by what is wrong with it, or by the type itself. */
const EXPORT_TYPE_FAULTS: Readonly<Record<ExportTypeFault, Fault> & Partial<Record<keyof typeof EXPORT_TYPES, Fault>>> =
  {
    'needs-since': [
      'required',
      '_since',
      'exportType provider-delta needs _since. Send the transactionTime of the previous export.',
    ],
    unknown: ['invalid-value', 'exportType', 'exportType is not a code that PDex or ATR defines for this operation.'],
    'needs-types': LIST_EXPORT,
    'attribution-list': LIST_EXPORT,
    payertopayer: ['not-supported', 'exportType', 'exportType payertopayer belongs to the Payer-to-Payer API.'],
  };

/** A `+` of `application/fhir+ndjson` that the client did not encode on the URL arrives as a space. */
const unescapedPlus = (parameter: GivenParameter): GivenParameter =>
  parameter.name === '_outputFormat' ? { ...parameter, value: parameter.value.replaceAll(' ', '+') } : parameter;

/** A list of types that an error names, so that the client need not look for it. */
const listed = (types: readonly string[]): string => (types.length === 0 ? 'no type' : types.join(', '));
const SERVES = `This server exports: ${listed(SERVED_TYPES)}.`;

const refusal = (...[kind, parameter, text]: Fault): Refusal => new Refusal(kind, text, { expression: parameter });

const PARAMETERS_RESOURCE = z.object({
  resourceType: z.literal('Parameters'),
  parameter: z.array(z.looseObject({ name: z.string() })).nullish(),
});
/** Reads the Parameters resource of a POST body. Undefined if the body is something else. */
export function readParametersResource(body: unknown): readonly GivenParameter[] | undefined {
  const read = PARAMETERS_RESOURCE.safeParse(body);
  if (!read.success) return undefined;
  const given: GivenParameter[] = [];
  for (const { name, ...rest } of read.data.parameter ?? []) {
    // Accept any value[x], because guides and clients differ in its type (docs/regulation.md#export-parameters).
    const values = Object.entries(rest).filter(([key]) => key.startsWith('value'));
    const value = values[0]?.[1];
    if (values.length > 1) return undefined;
    given.push({ name, value: typeof value === 'string' || typeof value === 'boolean' ? String(value) : '' });
  }
  return given;
}

/** The parameters of one kick-off, and the warnings about those that the server ignores. */
class Given {
  readonly warnings: Warning[] = [];
  readonly #all: readonly GivenParameter[];
  readonly #lenient: boolean;
  constructor(all: readonly GivenParameter[], lenient: boolean) {
    this.#all = all;
    this.#lenient = lenient;
  }
  names(): ReadonlySet<string> {
    return new Set(this.#all.map(({ name }) => name));
  }
  values(name: string): string[] {
    return this.#all.filter((given) => given.name === name).map(({ value }) => value);
  }
  /** Refuses the request. With `handling=lenient`, the server ignores the parameter instead and adds a warning. */
  refuseOrIgnore(fault: Refusal): void {
    if (!this.#lenient) throw fault;
    const code = REFUSALS[fault.kind].issue;
    this.warnings.push({ code, text: `${fault.message} The server ignored it.`, parameter: fault.expression! });
  }
}

/**
 * Reads the parameters of a kick-off. With `handling=lenient`, the server ignores a parameter that it cannot apply and
 * adds a warning. `inScope` tells whether the access token covers a type; `now` is in ms.
 * @throws Refusal that names the parameter
 */
export function parseKickOff(
  operation: Operation,
  url: readonly GivenParameter[],
  body: readonly GivenParameter[],
  context: { lenient: boolean; now: number; inScope: (type: string) => boolean },
): KickOffRequest {
  const twice = body.find((b) => url.some((u) => u.name === b.name));
  if (twice !== undefined)
    throw refusal('invalid-request', twice.name, `${twice.name} is both on the URL and in the body: give it once.`);
  const given = new Given([...url.map(unescapedPlus), ...body], context.lenient);
  checkNames(given, operation);
  const typeName = typeParameter(given, operation);
  checkFormat(given);
  const since = readSince(given, context.now);
  const asked = given
    .values(typeName)
    .flatMap((list) => list.split(','))
    .map((type) => type.trim());
  const types = readTypes(given, typeName, asked, context.inScope);
  const exportType = operation === '$davinci-data-export' ? readExportType(given, since, asked) : undefined;
  return {
    types: types.toSorted(),
    since,
    exportType,
    warnings: given.warnings,
  };
}

function checkNames(given: Given, operation: Operation): void {
  const known = PARAMETERS.filter(({ of = operation }) => of === operation);
  for (const name of given.names())
    if (!known.some((parameter) => parameter.name === name))
      given.refuseOrIgnore(
        refusal(
          'not-supported',
          name,
          NOT_YET.has(name) ? `${name} is not offered yet.` : `${name} is not a parameter of this operation.`,
        ),
      );
  for (const { name, once } of known)
    if (once === true && given.values(name).length > 1)
      throw refusal('invalid-request', name, `${name} may be given only once.`);
}

/** The name under which the request gives the types. */
function typeParameter(given: Given, operation: Operation): string {
  if (operation === '$export' || given.values(TYPE_ALIAS).length === 0) return '_type';
  if (given.values('_type').length > 0)
    throw refusal('invalid-request', TYPE_ALIAS, `${TYPE_ALIAS} and _type are the same parameter: give one of them.`);
  return TYPE_ALIAS;
}

function checkFormat(given: Given): void {
  const [format] = given.values('_outputFormat');
  if (format !== undefined && !FORMATS.has(format))
    given.refuseOrIgnore(refusal('not-supported', '_outputFormat', 'Only NDJSON is offered: application/fhir+ndjson.'));
}

/** RFC 3339 instant in UTC. */
function readSince(given: Given, now: number): string | undefined {
  const [since] = given.values('_since');
  if (since === undefined) return undefined;
  // A `+` in a URL that the client did not encode arrives as a space.
  if (!INSTANT.test(since) || dateRange(since) === undefined)
    throw refusal(
      'invalid-value',
      '_since',
      '_since must be an instant with seconds and a zone, such as 2026-01-31T10:00:00Z (a + is %2B on a URL).',
    );
  if (Date.parse(since) > now) throw refusal('invalid-value', '_since', '_since is in the future.');
  return new Date(since).toISOString();
}

/** The types to export: those that the request names, or every type that the token covers. */
function readTypes(
  given: Given,
  parameter: string,
  asked: readonly string[],
  inScope: (type: string) => boolean,
): readonly string[] {
  const covered = SERVED_TYPES.filter(inScope);
  const types: string[] = asked.length === 0 ? [...covered] : [];
  for (const type of new Set(asked)) {
    const fault = typeFault(type, parameter, covered);
    if (fault === undefined) types.push(type);
    else given.refuseOrIgnore(fault);
  }
  if (types.length > 0) return types;
  // An empty list must never mean "no filter", so refuse the request, with lenient too.
  throw asked.length === 0
    ? refusal('insufficient-scope', parameter, 'The access token covers no type that this server exports.')
    : refusal('invalid-value', parameter, `None of the types of ${parameter} can be exported. ${SERVES}`);
}

function typeFault(type: string, parameter: string, covered: readonly string[]): Refusal | undefined {
  if (covered.includes(type)) return undefined;
  if (isServedType(type)) {
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
