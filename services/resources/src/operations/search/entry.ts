import { labelRules } from '@provider-access/domain/pdex/labels';
import type { FhirResource } from '@provider-access/fhir';
import { isTombstone, type RecordPart, unlabelled } from '@provider-access/records';
import { bytesOfJoined, type JoinedBody, type ViewDocument } from '@provider-access/engines/views';

/** A record with its line as the store returns it. */
export interface Entry
  extends
    Pick<RecordPart, 'member' | 'type' | 'id' | 'labels' | 'labelsBy' | 'targets'>,
    // A page that is neither filtered nor sorted by the time does not have it.
    Partial<Pick<RecordPart, 'references' | 'lastUpdated'>> {
  readonly line: Uint8Array | string;
  /** The line, among those of other entries. Then bytes for `line` are made with each use of it. */
  readonly joined?: JoinedBody;
  /** The parsed line, if a filter needed it. */
  readonly resource?: FhirResource;
  /** True if the keys of this version of the record say that it satisfies all filters of the search. */
  readonly fits?: boolean;
}

export type FoundHead = Omit<Entry, 'line' | 'joined'> & Pick<RecordPart, 'lastUpdated'> & { readonly deleted?: true };

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

/** As `entryOfText`, of a document that was read with joined lines. A search never asks for references too. */
export function entryOfJoined(document: ViewDocument, fits = false): Entry | undefined {
  const { json, line } = document['record'] as { readonly json?: string; readonly line?: Entry['line'] | JoinedBody };
  if (json !== undefined) return entryOfText(document, false, fits);
  return line === undefined ? undefined : new PlainEntry(document._id, line as JoinedBody, fits);
}

/** A record without labels, as a page needs it. Bytes of its own for each one would cost as much as the rest. */
class PlainEntry implements Entry {
  readonly member: string;
  readonly type: string;
  readonly id: string;
  readonly labels = UNLABELLED_LIST;
  readonly labelsBy = labelRules();
  readonly joined: JoinedBody;
  readonly fits: boolean;
  constructor(recordId: string, joined: JoinedBody, fits: boolean) {
    const slash = recordId.indexOf('/');
    const second = recordId.indexOf('/', slash + 1);
    this.member = recordId.slice(0, slash);
    this.type = recordId.slice(slash + 1, second);
    this.id = recordId.slice(second + 1);
    this.joined = joined;
    this.fits = fits;
  }
  get line(): Uint8Array {
    return bytesOfJoined(this.joined);
  }
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
export function idsOf(recordId: string): Pick<Entry, 'member' | 'type' | 'id'> {
  const slash = recordId.indexOf('/');
  const second = recordId.indexOf('/', slash + 1);
  return { member: recordId.slice(0, slash), type: recordId.slice(slash + 1, second), id: recordId.slice(second + 1) };
}

const textOfLine = ({ line }: Pick<Entry, 'line'>): string =>
  typeof line === 'string' ? line : Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8');
export function sizeOf(entry: Pick<Entry, 'line' | 'joined'>): number {
  if (entry.joined !== undefined) return entry.joined.end - entry.joined.start;
  const { line } = entry;
  return typeof line === 'string' ? Buffer.byteLength(line) : line.byteLength;
}
export const parsedLine = (entry: Entry): FhirResource =>
  entry.resource ?? (JSON.parse(textOfLine(entry)) as FhirResource);
