import type { Blobs } from '@provider-access/engines/blob';
import { type LabelCheck, recordId, type RecordsReader, withholdsOrdinary } from '@provider-access/records';
import { type IndexedSegment, inflateSegment, type PartIndex } from '../../segments/index.ts';
import type { PartInfo } from '../../files/part-set.ts';
import { inline } from './result-line.ts';
import { storedBytes } from './segment-stream.ts';

/** What decides about the entries at one moment. */
export interface LineMoment {
  readonly index: PartIndex;
  /** `transactionTime` of the job, ms since the epoch. */
  readonly time: number;
  readonly check: LabelCheck;
  readonly last: {
    read(members: readonly string[]): Promise<void>;
    since(time: number, member: string, type: string | undefined, ordinary: boolean): boolean;
  };
}

/** Patients in one query. */
const TOGETHER = 100;

/**
 * The entries of these segments without those of members whose Patient got a label after the list was written, as a
 * read of the Group leaves them out.
 */
export async function withoutLateLabels(
  records: RecordsReader,
  { index, time, check, last }: LineMoment,
  entries: readonly IndexedSegment[],
): Promise<readonly IndexedSegment[]> {
  const kept: IndexedSegment[] = [];
  const ordinary = withholdsOrdinary(check.labels);
  for (let i = 0; i < entries.length; i += TOGETHER) {
    const some = entries.slice(i, i + TOGETHER);
    const members = some.map(({ of }) => index.members[of[0]!]!);
    await last.read(members);
    const isLate = (member: string): boolean =>
      index.labelsBy !== check.rules || last.since(time, member, 'Patient', ordinary);
    const late = members.filter(isLate);
    const heads = late.length === 0 ? [] : await records.heads(late.map((m) => recordId(m, 'Patient', m)));
    const living = heads.filter((head) => head !== undefined && head.deleted !== true);
    const withheld = await check.withheldEach(living.map((head) => head!));
    const gone = new Set(living.filter((_, at) => withheld[at] === true).map((head) => head!.member));
    for (const [at, segment] of some.entries()) if (!gone.has(members[at]!)) kept.push(segment);
  }
  return kept;
}

/**
 * The line of the Group with these entries: the head as it is stored, the first entry without its comma, the others as
 * they are stored, and the number of entries.
 */
export async function groupLine(
  blobs: Blobs,
  { part }: Pick<PartInfo, 'part'>,
  [head]: readonly IndexedSegment[],
  entries: readonly IndexedSegment[],
): Promise<readonly IndexedSegment[]> {
  const [first, ...others] = entries;
  const end = { ...head!, of: [], labels: [], offset: -1 };
  if (first === undefined) return [head!, inline(end, Buffer.from(',"quantity":0}\n'))];
  const entry = inflateSegment(await storedBytes(blobs, part, first), first).subarray(1);
  return [
    head!,
    inline(first, Buffer.concat([Buffer.from(',"member":['), entry])),
    ...others,
    inline(end, Buffer.from(`],"quantity":${entries.length}}\n`)),
  ];
}
