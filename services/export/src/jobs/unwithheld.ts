import type { LabelCheck, RecordPart } from '@provider-access/records';
import type { ExtractBuilder } from './member-extract.ts';

/** Limits of one read: its records, and the bytes of their lines. Intake accepts at most 4 MB for one more line. */
export const ROWS_TOGETHER = 256;
export const BYTES_TOGETHER = 1024 * 1024;

/** A record that is not withheld, and the labels that decided. */
export interface Unwithheld<R> {
  readonly record: R;
  readonly labels: readonly string[];
}
interface Deciding {
  /** Exported types. */
  readonly types: ReadonlySet<string>;
  readonly check: LabelCheck;
  readonly filling: ExtractBuilder | undefined;
}

/**
 * The records of exported types that are not withheld, with the labels that decide about each. Records are decided in
 * groups as large as a read, because one query finds the targets of many Provenances.
 */
export async function* unwithheld<R extends RecordPart>(
  records: AsyncIterable<R>,
  deciding: Deciding,
): AsyncGenerator<Unwithheld<R>> {
  let waiting: R[] = [];
  let bytes = 0;
  for await (const record of records) {
    if (!deciding.types.has(record.type)) {
      deciding.filling?.leave(record.type);
      continue;
    }
    waiting.push(record);
    bytes += record.bytes;
    if (waiting.length < ROWS_TOGETHER && bytes < BYTES_TOGETHER) continue;
    yield* decided(waiting, deciding);
    waiting = [];
    bytes = 0;
  }
  yield* decided(waiting, deciding);
}

async function* decided<R extends RecordPart>(
  records: readonly R[],
  { check, filling }: Deciding,
): AsyncGenerator<Unwithheld<R>> {
  const decisions = await check.decideEach(records);
  for (const [i, record] of records.entries()) {
    const { withheld, labels } = decisions[i]!;
    filling?.read(record.type, record.references, labels, withheld);
    if (!withheld) yield { record, labels };
  }
}
