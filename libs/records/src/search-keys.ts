import { bufferOf, PA_RECORDS } from '@provider-access/events';
import type { Projection, TopicEvolve, ViewDocument } from '@provider-access/engines/views';
import { normalLabel, UNKNOWN_LABEL } from '@provider-access/domain/pdex/labels';
import { type FhirResource, indexKeys, KEYS_VERSION } from '@provider-access/fhir';
import { asServed } from './as-served.ts';
import { ORDINARY } from './labelled.ts';
import { memberOfRecord, type Ordered } from './record.ts';
import { type AcceptedData, isFirstVersion, orderOf, recordData, recordKeys, replaces } from './record-events.ts';

/** The search keys of one record, by which an array index finds it. A reader may lack `member`, `type` and `keys`. */
interface SearchPart {
  readonly member: string;
  readonly type: string;
  /** The order of the version, without names, because every record has one. */
  readonly at: readonly [
    versionId: number,
    businessTime: number,
    sequence: number,
    source: string | null,
    event: string | null,
  ];
  /** `indexKeys` of the resource, and keys of its security labels; empty for a deleted record. */
  readonly keys: readonly string[];
  /** As in the view `records`. Absent if there are none, so most documents do not have it. */
  readonly labels?: readonly string[];
}

function orderedOf({ at: [versionId, businessTime, sequence, source, event] }: SearchPart): Ordered {
  return { versionId, businessTime, sequence, ...(source !== null && { source }), ...(event !== null && { event }) };
}

/** No search parameter has this name. */
const LABEL = '_security';
/** A key for each security label, and one key if any of them is not ordinary. */
function labelKeys(labels: readonly string[]): readonly string[] {
  const keys = labels.map(normalLabel);
  return [...(keys.some((label) => !ORDINARY.has(label)) ? [LABEL] : []), ...keys.map((label) => `${LABEL}=${label}`)];
}

/**
 * The keys of all records that may have one of these labels (in the form of `normalLabel`). One key finds every label
 * that is not ordinary, also one that an earlier release normalised in another way.
 */
export function keysWithLabels(labels: readonly string[]): readonly string[] {
  let keys = asked.get(labels);
  if (keys === undefined) {
    const named = labels.includes(UNKNOWN_LABEL) ? [...ORDINARY] : labels.filter((label) => ORDINARY.has(label));
    const ordinary = named.map((label) => `${LABEL}=${label}`);
    asked.set(labels, (keys = labels.length === 0 ? [] : [LABEL, ...ordinary]));
  }
  return keys;
}
/** Every search asks for the keys of a policy's labels. */
const asked = new WeakMap<readonly string[], readonly string[]>();

/** The keys of the event, or those of its line if another version of the keys wrote them. */
function keysOf({ tokens, tokensBy, line }: AcceptedData): readonly string[] {
  if (tokensBy === KEYS_VERSION) return tokens;
  return indexKeys(JSON.parse(typeof line === 'string' ? line : bufferOf(line).toString()) as FhirResource);
}

function partOf(data: AcceptedData): Pick<SearchPart, 'keys' | 'labels'> {
  const served = asServed(data);
  const labels = served.labels!;
  const keys = keysOf(served);
  return labels.length === 0 ? { keys } : { keys: [...keys, ...labelKeys(labels)], labels };
}

const WITHOUT_KEYS: Pick<SearchPart, 'keys' | 'labels'> = { keys: [] };

/** Whose record the document of its keys is about, and its labels. */
export function labelsInKeys(document: ViewDocument): { readonly member: string; readonly labels: readonly string[] } {
  const { labels = [] } = document['search'] as SearchPart;
  return { member: memberOfRecord(document._id), labels };
}

const fromRecords: TopicEvolve<SearchPart> = {
  part: 'search',
  keys: recordKeys,
  begins: isFirstVersion,
  evolve(part, record) {
    const data = recordData(record);
    const { member, type, versionId } = data;
    const { businessTime, sequence, source = null, event = null } = orderOf(data);
    const at: SearchPart['at'] = [versionId, businessTime, sequence, source, event];
    const { keys, labels } = 'line' in data ? partOf(data) : WITHOUT_KEYS;
    const next: SearchPart = labels === undefined ? { member, type, at, keys } : { member, type, at, keys, labels };
    return part === undefined || replaces(orderedOf(part), orderedOf(next)) ? next : undefined;
  },
};

/**
 * The keys of every record, beside the view `records`. It is a view of its own, because a change of the search
 * parameters needs a new version of it, and the lines are large and stay where they are (ADR 0041).
 */
export const searchKeys: Projection = {
  owner: 'resources',
  name: 'search',
  version: 7,
  topics: { [PA_RECORDS]: fromRecords },
  commitMs: 100,
  indexes: [{ name: 'by_key', fields: ['search.member', 'search.type', 'search.keys'], array: true, shared: true }],
};
