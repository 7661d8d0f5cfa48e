import type { Blobs } from '@provider-access/engines/blob';
import { isSharedType } from '@provider-access/fhir';
import {
  type LabelCheck,
  type LastLabelled,
  mayBeShared,
  PROVENANCE,
  recordId,
  type RecordPart,
  type RecordsReader,
  SHARED,
  withholdsOrdinary,
} from '@provider-access/records';
import {
  cutSegment,
  type IndexedSegment,
  namesOfSegment,
  type PartIndex,
  storedSize,
} from '../../domain/segments/index.ts';
import { isSupporting, type PartInfo } from '../../jobs/part-set.ts';
import { DECIDE_BATCH } from '../../jobs/sealer.ts';
import { Turns } from '../../turns.ts';
import { storedBytes } from './segment-stream.ts';

/** A file, and who asks for it at which moment. */
export interface LateLabelsOf {
  readonly file: PartInfo;
  readonly index: PartIndex;
  /** `transactionTime` of the job, ms since the epoch: the file has every version that is older. */
  readonly time: number;
  readonly permitted: (member: string) => boolean;
  readonly check: LabelCheck;
  readonly last: LastLabelled;
}

/** Heads in one query, and lines in memory at once where an earlier release wrote the record. */
const TOGETHER = 32;

/**
 * Leaves out of the segments what got a label after the file was written, and what a Provenance among it is about (ADR
 * 0056). One query for 100 members tells whose resources got labels since then. Only their segments are read, and the
 * labels of the current versions decide, as they do in a read.
 */
export class LateLabels {
  readonly #blobs: Blobs;
  readonly #records: RecordsReader;
  constructor(blobs: Blobs, records: RecordsReader) {
    this.#blobs = blobs;
    this.#records = records;
  }

  async apply(of: LateLabelsOf, segments: readonly IndexedSegment[]): Promise<readonly IndexedSegment[]> {
    const { index, last } = of;
    const members = membersOf(of, segments);
    for (let i = 0; i < members.length; i += DECIDE_BATCH) await last.read(members.slice(i, i + DECIDE_BATCH));
    // An earlier release, or another list of codes, may have overlooked labels of what it wrote. Before a table of
    // lines nobody looked for coverages.
    const suspect = index.labelsBy === of.check.rules ? suspectOf(of) : () => true;
    if (!segments.some(suspect)) return segments;
    const turns = new Turns();
    const kept: IndexedSegment[] = [];
    for (const segment of segments) {
      if (suspect(segment)) await turns.next();
      const left = suspect(segment) ? await this.#cut(of, segment) : segment;
      if (left !== undefined) kept.push(left);
    }
    return kept;
  }

  /** The segment without what is withheld now. Undefined if nothing is left. */
  async #cut(of: LateLabelsOf, segment: IndexedSegment): Promise<IndexedSegment | undefined> {
    const bytes = await storedBytes(this.#blobs, of.file.part, segment);
    const without = await this.#withheld(of, segment, namesOfSegment(bytes, segment));
    if (without.size === 0) return segment;
    const left = cutSegment(bytes, segment, without);
    if (left === undefined) return undefined;
    const { resources, plain, compressed, crc } = left;
    return { ...segment, resources, plain, compressed, crc, cut: { stored: storedSize(segment), without } };
  }

  async #withheld(of: LateLabelsOf, segment: IndexedSegment, names: readonly string[]): Promise<ReadonlySet<string>> {
    const without = new Set<string>();
    const owners = ownersOf(of, segment);
    for (let i = 0; i < names.length; i += TOGETHER) {
      const some = names.slice(i, i + TOGETHER);
      const heads = await this.#headsOf(some, owners);
      const withheld = await of.check.withheldEach(heads);
      for (const [at, { type, id }] of heads.entries()) if (withheld[at] === true) without.add(`${type}/${id}`);
    }
    return without;
  }

  /** The current versions, also under the id to which a merge moved them. */
  async #headsOf(names: readonly string[], owners: readonly string[]): Promise<readonly RecordPart[]> {
    const records = this.#records;
    const found: RecordPart[] = [];
    const add = async (ids: readonly string[]): Promise<void> => {
      for (let i = 0; i < ids.length; i += TOGETHER)
        found.push(...(await records.heads(ids.slice(i, i + TOGETHER))).filter((head) => head !== undefined));
    };
    const split = names.map((name) => name.split('/') as [string, string]);
    await add(split.flatMap(([type, id]) => owners.map((owner) => recordId(owner, type, id))));
    for (const { type, id } of found.filter(({ reason }) => reason === 'merged'))
      await add((await records.holders(type, id)).map((holder) => recordId(holder, type, id)));
    return found;
  }
}

/** A list of deletes names resources of every type, and a Provenance is about resources of every type. */
const namesEveryType = ({ kind, type }: PartInfo): boolean => kind === 'deleted' || type === PROVENANCE;
const asksShared = (file: PartInfo): boolean => namesEveryType(file) || isSupporting(file);

/** Whose records the segment may have lines of. Several members and the directory may have a copy of a Medication. */
function ownersOf({ file, index, permitted }: LateLabelsOf, { of }: IndexedSegment): readonly string[] {
  if (isSupporting(file) && isSharedType(file.type)) return [SHARED];
  const members = of.map((at) => index.members[at]!).filter(permitted);
  return isSupporting(file) ? [...members, SHARED] : members;
}

/** Whose labels decide about the segments. */
function membersOf(of: LateLabelsOf, segments: readonly IndexedSegment[]): readonly string[] {
  const { file, index, permitted } = of;
  if (isSupporting(file) && !mayBeShared(file.type)) return [SHARED];
  const members = new Set(segments.flatMap((segment) => segment.of.map((at) => index.members[at]!)).filter(permitted));
  return asksShared(file) ? [SHARED, ...members] : [...members];
}

/** Whether a resource of the segment, or a target of its Provenances, may have a label that is newer than the file. */
function suspectOf({ file, index, time, permitted, check, last }: LateLabelsOf): (segment: IndexedSegment) => boolean {
  const ordinary = withholdsOrdinary(check.labels);
  const any = namesEveryType(file);
  const isLate = (member: string): boolean => last.since(time, member, any ? undefined : file.type, ordinary);
  const shared = asksShared(file) && isLate(SHARED);
  const late = new Map<number, boolean>();
  return ({ of }) => {
    if (shared) return true;
    if (isSupporting(file) && !mayBeShared(file.type)) return false;
    return of.some((at) => {
      const member = index.members[at]!;
      let is = late.get(at);
      if (is === undefined) late.set(at, (is = permitted(member) && isLate(member)));
      return is;
    });
  };
}
