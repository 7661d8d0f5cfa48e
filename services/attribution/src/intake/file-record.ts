import {
  type DomainEvent,
  type FileImported,
  type FileNote,
  fileRowOf,
  type FileRowRecorded,
  PA_FILE_ROWS,
  type PayerEvent,
} from '@provider-access/events';
import { type Cause, derivedRecord, type Output } from '@provider-access/intake';
import { instantOf } from '../domain/dates.ts';
import { DERIVER } from './holds.ts';

/** A record of pa.file-rows. @param at RFC 3339 instant of the payer's event */
export function fileRecord(
  type: 'pa.file-row-recorded.v1' | 'pa.file-imported.v1',
  cause: Cause,
  at: string,
  data: FileRowRecorded | FileImported,
): Output {
  const subject = 'subject' in data ? data.subject : `${data.source}/${data.kind}`;
  return { topic: PA_FILE_ROWS, record: derivedRecord({ deriver: DERIVER, type, subject, cause, at, data }) };
}

/** What a statement of a full file says about its row; undefined for an event that comes from no full file. */
export function rowRecorded(event: PayerEvent & DomainEvent): FileRowRecorded | undefined {
  const { file } = event.data as { readonly file?: FileNote };
  const row = file === undefined ? undefined : fileRowOf(event);
  return row && { ...file!, ...row, subject: event.subject!, businessTime: instantOf(event.time) };
}
