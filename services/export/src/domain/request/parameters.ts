import { KNOWN_R4_TYPES, SERVED_TYPES, dateRange } from '@provider-access/kernel/fhir';
import { parseExportType } from '@provider-access/domain/pdex';

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

interface KickOffRequest {
  readonly types: readonly string[];
  /** RFC 3339 instant. */
  readonly since?: string;
  readonly exportType?: string;
  readonly warnings: readonly Warning[];
}
interface ParameterFault {
  readonly kind: 'invalid-request' | 'invalid-value' | 'required' | 'not-supported' | 'insufficient-scope';
  readonly text: string;
  readonly parameter: string;
}
export type KickOffParse =
  { readonly ok: true; readonly request: KickOffRequest } | { readonly ok: false; readonly fault: ParameterFault };

const FORMATS = new Set(['application/fhir+ndjson', 'application/ndjson', 'ndjson']);
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;
const SERVED: ReadonlySet<string> = new Set(SERVED_TYPES);
/** Parameters that the guides define and this server does not support. An answer names them as such. */
const NOT_YET = new Set(['_typeFilter', 'patient', '_elements', '_until', 'includeAssociatedData', 'organizeOutputBy']);

/** The name that the pages of ATR give `_type` of `$davinci-data-export`. Its OperationDefinition has `_type`. */
const TYPE_ALIAS = 'resourceTypes';

/** A `+` of `application/fhir+ndjson` that the client did not encode on the URL arrives as a space. */
const unescapedPlus = (parameter: GivenParameter): GivenParameter =>
  parameter.name === '_outputFormat' ? { ...parameter, value: parameter.value.replaceAll(' ', '+') } : parameter;

/** A list of types that an error names, so that the client need not look for it. */
const listed = (types: readonly string[]): string => (types.length === 0 ? 'no type' : types.join(', '));
const SERVES = `This server exports: ${listed(SERVED_TYPES)}.`;

const fail = (kind: ParameterFault['kind'], parameter: string, text: string): KickOffParse => ({
  ok: false,
  fault: { kind, parameter, text },
});

/** Reads the Parameters resource of a POST body. Undefined if the body is something else. */
export function readParametersResource(body: unknown): readonly GivenParameter[] | undefined {
  if (typeof body !== 'object' || body === null || (body as { resourceType?: unknown }).resourceType !== 'Parameters')
    return undefined;
  const list = (body as { parameter?: unknown }).parameter ?? [];
  if (!Array.isArray(list)) return undefined;
  const given: GivenParameter[] = [];
  for (const item of list as unknown[]) {
    if (typeof item !== 'object' || item === null) return undefined;
    const { name, ...rest } = item as Record<string, unknown>;
    if (typeof name !== 'string') return undefined;
    // Accept any value[x], because guides and clients differ in its type (docs/regulation.md#export-parameters).
    const values = Object.entries(rest).filter(([key]) => key.startsWith('value'));
    const value = values[0]?.[1];
    if (values.length > 1) return undefined;
    given.push({ name, value: typeof value === 'string' || typeof value === 'boolean' ? String(value) : '' });
  }
  return given;
}

/**
 * Reads the parameters of a kick-off. With `handling=lenient`, the server ignores a parameter that it cannot apply and
 * adds a warning. Otherwise it refuses the request and names the parameter. `inScope` tells whether the access token
 * covers a type; `now` is in ms.
 */
export function parseKickOff(
  operation: Operation,
  url: readonly GivenParameter[],
  body: readonly GivenParameter[],
  context: { lenient: boolean; now: number; inScope: (type: string) => boolean },
): KickOffParse {
  const twice = body.find((b) => url.some((u) => u.name === b.name));
  if (twice !== undefined)
    return fail('invalid-request', twice.name, `${twice.name} is both on the URL and in the body: give it once.`);
  const given = [...url.map(unescapedPlus), ...body];
  const warnings: Warning[] = [];
  const all = (name: string): string[] => given.filter((p) => p.name === name).map((p) => p.value);
  /** Returns the fault, or with lenient adds a warning and returns undefined. */
  const soften = (code: string, fault: KickOffParse & { ok: false }): KickOffParse | undefined => {
    if (!context.lenient) return fault;
    warnings.push({ code, text: `${fault.fault.text} The server ignored it.`, parameter: fault.fault.parameter });
    return undefined;
  };
  const known = new Set([
    '_outputFormat',
    '_since',
    '_type',
    'allowPartialManifests',
    ...(operation === '$davinci-data-export' ? ['exportType', TYPE_ALIAS] : []),
  ]);
  for (const name of new Set(given.map((p) => p.name))) {
    if (known.has(name)) continue;
    const refused = soften(
      'not-supported',
      fail(
        'not-supported',
        name,
        NOT_YET.has(name) ? `${name} is not offered yet.` : `${name} is not a parameter of this operation.`,
      ) as KickOffParse & { ok: false },
    );
    if (refused !== undefined) return refused;
  }
  for (const name of ['_outputFormat', '_since', 'exportType'])
    if (known.has(name) && all(name).length > 1)
      return fail('invalid-request', name, `${name} may be given only once.`);

  const typeName = known.has(TYPE_ALIAS) && all(TYPE_ALIAS).length > 0 ? TYPE_ALIAS : '_type';
  if (typeName === TYPE_ALIAS && all('_type').length > 0)
    return fail('invalid-request', TYPE_ALIAS, `${TYPE_ALIAS} and _type are the same parameter: give one of them.`);

  const [format] = all('_outputFormat');
  if (format !== undefined && !FORMATS.has(format)) {
    const refused = soften(
      'not-supported',
      fail('not-supported', '_outputFormat', 'Only NDJSON is offered: application/fhir+ndjson.') as KickOffParse & {
        ok: false;
      },
    );
    if (refused !== undefined) return refused;
  }

  const [since] = all('_since');
  if (since !== undefined) {
    // A `+` in a URL that the client did not encode arrives as a space.
    if (!INSTANT.test(since) || dateRange(since) === undefined)
      return fail(
        'invalid-value',
        '_since',
        '_since must be an instant with seconds and a zone, such as 2026-01-31T10:00:00Z (a + is %2B on a URL).',
      );
    if (Date.parse(since) > context.now) return fail('invalid-value', '_since', '_since is in the future.');
  }

  const asked = all(typeName)
    .flatMap((v) => v.split(','))
    .map((t) => t.trim());
  const types: string[] = [];
  for (const type of new Set(asked)) {
    const fault =
      type === '' || !KNOWN_R4_TYPES.has(type)
        ? fail('invalid-value', typeName, `${typeName} names something that is not an R4 resource type. ${SERVES}`)
        : !SERVED.has(type)
          ? fail('invalid-value', typeName, `${typeName}: this server does not export ${type}. ${SERVES}`)
          : !context.inScope(type)
            ? fail(
                'insufficient-scope',
                typeName,
                `${typeName}: the access token does not cover ${type}. It covers: ` +
                  `${listed(SERVED_TYPES.filter((t) => context.inScope(t)))}.`,
              )
            : undefined;
    if (fault === undefined) types.push(type);
    else {
      const refused = soften(
        fault.ok || fault.fault.kind !== 'insufficient-scope' ? 'value' : 'forbidden',
        fault as KickOffParse & { ok: false },
      );
      if (refused !== undefined) return refused;
    }
  }
  if (asked.length === 0) types.push(...SERVED_TYPES.filter((t) => context.inScope(t)));
  // An empty list must never mean "no filter", so refuse the request, with lenient too.
  if (types.length === 0)
    return asked.length === 0
      ? fail('insufficient-scope', typeName, 'The access token covers no type that this server exports.')
      : fail('invalid-value', typeName, `None of the types of ${typeName} can be exported. ${SERVES}`);

  const [exportType] = all('exportType');
  let kind: string | undefined;
  if (operation === '$davinci-data-export') {
    const parsed = parseExportType(exportType, { since: since !== undefined, types: asked });
    if (!parsed.ok) {
      if (parsed.reason === 'needs-since')
        return fail(
          'required',
          '_since',
          'exportType provider-delta needs _since. Send the transactionTime of the previous export.',
        );
      if (parsed.reason === 'unknown')
        return fail(
          'invalid-value',
          'exportType',
          'exportType is not a code that PDex or ATR defines for this operation.',
        );
      return fail('not-supported', 'exportType', 'The list export of ATR is not offered yet.');
    }
    if (parsed.exportType === 'attribution-list')
      return fail('not-supported', 'exportType', 'The list export of ATR is not offered yet.');
    if (parsed.exportType === 'payertopayer')
      return fail('not-supported', 'exportType', 'exportType payertopayer belongs to the Payer-to-Payer API.');
    kind = parsed.exportType;
  }
  return {
    ok: true,
    request: {
      types: types.toSorted(),
      ...(since !== undefined && { since: new Date(since).toISOString() }),
      ...(kind !== undefined && { exportType: kind }),
      warnings,
    },
  };
}
