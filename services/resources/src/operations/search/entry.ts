import type { FhirResource } from '@provider-access/kernel/fhir';
import type { RecordPart } from '@provider-access/facts/records';
import type { ViewDocument } from '@provider-access/engines/views';

/** A record with its line as the store returns it. */
export interface Entry extends Pick<RecordPart, 'member' | 'type' | 'id' | 'lastUpdated' | 'labels'> {
  readonly line: Uint8Array | string;
  /** The parsed line, if a filter needed it. */
  readonly resource?: FhirResource;
}

export type Head = Omit<Entry, 'line'> & { readonly deleted?: true };

/** Undefined for a tombstone, which has no line. */
export function entryOf(document: ViewDocument | undefined): Entry | undefined {
  const record = document?.['record'] as (Head & Partial<Entry>) | undefined;
  return record?.line === undefined || record.deleted === true ? undefined : (record as Entry);
}

const textOfLine = ({ line }: Pick<Entry, 'line'>): string =>
  typeof line === 'string' ? line : Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8');
export const parsedLine = (entry: Entry): FhirResource =>
  entry.resource ?? (JSON.parse(textOfLine(entry)) as FhirResource);
