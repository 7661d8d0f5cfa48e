/**
 * Codes of `exportType` on $davinci-data-export, with the code system's prefix (docs/regulation.md#export-parameters).
 */
export const EXPORT_TYPES = {
  'provider-download': 'hl7.fhir.us.davinci-pdex#provider-download',
  'provider-delta': 'hl7.fhir.us.davinci-pdex#provider-delta',
  'provider-snapshot': 'hl7.fhir.us.davinci-pdex#provider-snapshot',
  payertopayer: 'hl7.fhir.us.davinci-pdex#payertopayer',
  'attribution-list': 'hl7.fhir.us.davinci-atr',
} as const;
type ExportType = keyof typeof EXPORT_TYPES;

/** The attribution list export of ATR needs at least these types. */
const ATTRIBUTION_LIST_TYPES = ['Group', 'Patient', 'Coverage'] as const;
/** All that it may have. */
export const LIST_TYPES: readonly string[] = [
  ...ATTRIBUTION_LIST_TYPES,
  'RelatedPerson',
  'Practitioner',
  'PractitionerRole',
  'Organization',
  'Location',
];

const BY_TEXT = new Map<string, ExportType>(
  (Object.entries(EXPORT_TYPES) as [ExportType, string][]).flatMap(([name, canonical]) => [
    [canonical, name],
    ...(name === 'attribution-list' ? [] : [[name, name] as [string, ExportType]]),
  ]),
);

export type ExportTypeParse =
  | { readonly ok: true; readonly exportType: ExportType }
  /**
   * `unknown`: no such code. `needs-since`: a delta needs `_since`, and the server never infers it. `needs-types`: a
   * type that ATR requires is missing.
   */
  | { readonly ok: false; readonly reason: 'unknown' | 'needs-since' | 'needs-types' };

/**
 * Reads `exportType`: the full code, the code with `#` still encoded as `%23`, or the code without prefix. If absent:
 * provider-delta with `_since`, else provider-download.
 */
export function parseExportType(
  value: string | undefined,
  given: { readonly since: boolean; readonly types?: readonly string[] | undefined },
): ExportTypeParse {
  if (value === undefined) return { ok: true, exportType: given.since ? 'provider-delta' : 'provider-download' };
  const exportType = BY_TEXT.get(value.replace(/%23/i, '#'));
  if (exportType === undefined) return { ok: false, reason: 'unknown' };
  if (exportType === 'provider-delta' && !given.since) return { ok: false, reason: 'needs-since' };
  if (
    exportType === 'attribution-list' &&
    !ATTRIBUTION_LIST_TYPES.every((type) => given.types?.includes(type) ?? false)
  )
    return { ok: false, reason: 'needs-types' };
  return { ok: true, exportType };
}
