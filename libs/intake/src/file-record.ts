import {
  type DomainEvent,
  type FileImported,
  type FileNote,
  fileRowOf,
  type FileRowRecorded,
  PA_FILE_ROWS,
  type PayerEvent,
} from '@provider-access/events';
import { dateRange, toInstant } from '@provider-access/fhir';
import { type Cause, derivedRecord } from './derived-event.ts';
import type { Output } from './stage.ts';

/** A record of pa.file-rows. @param at RFC 3339 instant of the payer's event */
export function fileRecord(
  type: 'pa.file-row-recorded.v1' | 'pa.file-imported.v1',
  cause: Cause,
  about: { readonly deriver: string; readonly at: string },
  data: FileRowRecorded | FileImported,
): Output {
  const subject = 'subject' in data ? data.subject : `${data.source}/${data.kind}`;
  return { topic: PA_FILE_ROWS, record: derivedRecord({ ...about, type, subject, cause, data }) };
}

/** What a statement of a full file says about its row, as outputs of the batch; none for any other event. */
export function rowOutputs(
  event: PayerEvent & DomainEvent,
  about: { readonly deriver: string; readonly at: string },
): readonly Output[] {
  const { file } = event.data as { readonly file?: FileNote };
  const row = file === undefined ? undefined : fileRowOf(event);
  if (row === undefined) return [];
  const businessTime = toInstant(dateRange(event.time)!.start);
  const data = { ...file!, ...row, subject: event.subject!, businessTime };
  return [fileRecord('pa.file-row-recorded.v1', event, about, data)];
}
