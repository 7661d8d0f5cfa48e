import { labelRules } from '@provider-access/domain/pdex/labels';
import type { FhirResource } from '@provider-access/fhir';
import { isTombstone, type RecordPart, unlabelled } from '@provider-access/records';
import type { ViewDocument } from '@provider-access/engines/views';

/** A record with its line as the store returns it. */
export interface Entry
  extends
    Pick<RecordPart, 'member' | 'type' | 'id' | 'lastUpdated' | 'labels' | 'labelsBy' | 'targets'>,
    Partial<Pick<RecordPart, 'references'>> {
  readonly line: Uint8Array | string;
  /** The parsed line, if a filter needed it. */
  readonly resource?: FhirResource;
  /** True if the keys of this version of the record say that it satisfies all filters of the search. */
  readonly fits?: boolean;
}

export type FoundHead = Omit<Entry, 'line'> & { readonly deleted?: true };

/** Undefined for a tombstone, which has no line. */
export function entryOf(document: ViewDocument | undefined): Entry | undefined {
  const record = document?.['record'] as (FoundHead & Partial<Entry>) | undefined;
  return record?.line === undefined || record.deleted === true ? undefined : (record as Entry);
}

const UPDATED = /"lastUpdated":(\d+)/;
const UNLABELLED_LIST: Entry['labels'] = [];

/**
 * As `entryOf`, of a document whose parts are JSON text. A page needs little of a record without labels, and parsing
 * its head costs more than reading it.
 * @param whole whether the page needs the references too, because lines of business decide by them
 */
export function entryOfText({ _id, record }: ViewDocument, whole: boolean, fits = false): Entry | undefined {
  const { json, line } = record as { readonly json: string; readonly line?: Entry['line'] };
  if (line === undefined || isTombstone(json)) return undefined;
  const lastUpdated = whole ? undefined : updatedOf(json);
  return lastUpdated === undefined
    ? { ...(JSON.parse(json) as FoundHead), line, fits }
    : { ...idsOf(_id), lastUpdated, labels: UNLABELLED_LIST, labelsBy: labelRules(), line, fits };
}

/** The head of a record in a document whose parts are JSON text. */
export function headOfText({ _id, record }: ViewDocument, whole = false): FoundHead {
  const { json } = record as { readonly json: string };
  const lastUpdated = whole || isTombstone(json) ? undefined : updatedOf(json);
  if (lastUpdated === undefined) return JSON.parse(json) as FoundHead;
  return { ...idsOf(_id), lastUpdated, labels: UNLABELLED_LIST, labelsBy: labelRules() };
}

/** Undefined if the text is of a record that may have labels. */
function updatedOf(json: string): number | undefined {
  const updated = json.includes(unlabelled()) ? UPDATED.exec(json) : null;
  return updated === null ? undefined : Number(updated[1]);
}
function idsOf(recordId: string): Pick<Entry, 'member' | 'type' | 'id'> {
  const slash = recordId.indexOf('/');
  const second = recordId.indexOf('/', slash + 1);
  return { member: recordId.slice(0, slash), type: recordId.slice(slash + 1, second), id: recordId.slice(second + 1) };
}

const textOfLine = ({ line }: Pick<Entry, 'line'>): string =>
  typeof line === 'string' ? line : Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8');
export const sizeOf = ({ line }: Pick<Entry, 'line'>): number =>
  typeof line === 'string' ? Buffer.byteLength(line) : line.byteLength;
export const parsedLine = (entry: Entry): FhirResource =>
  entry.resource ?? (JSON.parse(textOfLine(entry)) as FhirResource);
