import { dataOf, type RecordAccepted, type RecordDeleted } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { labelsOf, normalLabel } from '@provider-access/domain/pdex/labels';
import { type FhirResource, indexKeys, KEYS_VERSION } from '@provider-access/kernel/fhir';
import type { VersionOrder } from './record.ts';

/** The search keys of one record, by which an array index finds it. */
export interface SearchPart extends VersionOrder {
  readonly member: string;
  readonly type: string;
  readonly versionId: number;
  /** `indexKeys` of the resource, and keys of its security labels; empty for a deleted record. */
  readonly keys: readonly string[];
}

/** No search parameter has this name. */
const LABEL = '_security';
const CONFIDENTIALITY = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
/** Labels that many payers put on every resource, and that policies seldom name. */
const ORDINARY: ReadonlySet<string> = new Set(['U', 'L', 'M', 'N'].map((code) => `${CONFIDENTIALITY}|${code}`));

/** A key for each security label, and one key if any of them is not ordinary. */
function labelKeys(labels: readonly string[]): readonly string[] {
  const keys = labels.map(normalLabel);
  return [...(keys.some((label) => !ORDINARY.has(label)) ? [LABEL] : []), ...keys.map((label) => `${LABEL}=${label}`)];
}

/**
 * The keys of all records that may have one of these labels (in the form of `normalLabel`). One key suffices unless an
 * ordinary label is among them.
 */
export const keysWithLabels = (labels: readonly string[]): readonly string[] =>
  labels.length > 0 && !labels.some((label) => ORDINARY.has(label))
    ? [LABEL]
    : labels.map((label) => `${LABEL}=${label}`);

/**
 * Search parts of events whose value was parsed already. The views `records` and `search` read the same events, and
 * parsing one costs more than writing its keys. A part has no line, so it may be kept as long as the log keeps the
 * record.
 */
const kept = new WeakMap<LogRecord, SearchPart>();

export function keepSearchPart(record: LogRecord, data: RecordAccepted | RecordDeleted): void {
  if (hasKeys(data) && !kept.has(record)) kept.set(record, partOf(data));
}

export function searchPartOf(record: LogRecord): SearchPart {
  const known = kept.get(record);
  if (known === undefined) return partOf(dataOf<RecordAccepted | RecordDeleted>(record));
  kept.delete(record);
  return known;
}

function partOf(data: RecordAccepted | RecordDeleted): SearchPart {
  return {
    member: data.member,
    type: data.type,
    versionId: data.versionId,
    businessTime: Date.parse(data.businessTime),
    sequence: data.sequence,
    ...(data.source !== undefined && { source: data.source }),
    ...(data.event !== undefined && { event: data.event }),
    keys: 'line' in data ? keysOf(data) : [],
  };
}

/** Whether the event has the keys of this version. */
const hasKeys = (data: RecordAccepted | RecordDeleted): boolean =>
  !('line' in data) || (data.tokensBy === KEYS_VERSION && data.labels !== undefined);

function keysOf(data: RecordAccepted): readonly string[] {
  const { tokens, labels, line } = data;
  if (hasKeys(data)) return [...tokens, ...labelKeys(labels!)];
  const resource = JSON.parse(line) as FhirResource;
  return [...indexKeys(resource), ...labelKeys(labels ?? labelsOf(resource))];
}
