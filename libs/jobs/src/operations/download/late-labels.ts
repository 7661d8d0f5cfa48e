import { isCut } from '@provider-access/domain/pdex/labels';
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
  isHeader,
  lastUpdatedOf,
  linesOfSegment,
  type PartIndex,
  type SegmentLine,
  storedSize,
} from '../../segments/index.ts';
import { isSupporting, type PartInfo } from '../../files/part-set.ts';
import { DECIDE_BATCH, Turns } from '../../turns.ts';
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
 * 0056). Also leaves out versions that the payer recalled since (ADR 0117). One query for 100 members tells whose
 * resources got labels or were recalled. Only their segments are read, and the current versions decide, as they do in
 * a read.
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
    const without = await this.#withheld(of, segment, linesOfSegment(bytes, segment));
    if (without.size === 0) return segment;
    const left = cutSegment(bytes, segment, without);
    if (left === undefined) return undefined;
    const { resources, plain, compressed, crc } = left;
    return { ...segment, resources, plain, compressed, crc, cut: { stored: storedSize(segment), without } };
  }

  async #withheld(
    of: LateLabelsOf,
    segment: IndexedSegment,
    lines: readonly SegmentLine[],
  ): Promise<ReadonlySet<string>> {
    const without = new Set<string>();
    const owners = ownersOf(of, segment);
    // The copy in the file may be one of a member who is not permitted any more.
    const others = isSupporting(of.file) ? segment.of.map((at) => of.index.members[at]!) : [];
    const barred = others.filter((member) => !of.permitted(member));
    const named = lines.flatMap(({ names, line }) => names.map((name) => ({ name, line })));
    for (let i = 0; i < named.length; i += TOGETHER) {
      const some = named.slice(i, i + TOGETHER);
      const names = some.map(({ name }) => name);
      const { heads, former } = await this.#headsOf(names, owners);
      const decisions = await of.check.decideEach(heads);
      for (const [at, { type, id }] of heads.entries()) {
        const { withheld, labels } = decisions[at]!;
        // Under other rules the file may have got the lines of the claim that are cut today.
        const mayBeWhole = of.index.labelsBy !== of.check.rules && of.file.kind !== 'deleted' && labels.some(isCut);
        if (withheld || mayBeWhole) without.add(`${type}/${id}`);
      }
      // A list of deletes tells what an app has to know of a recalled resource.
      if (of.file.kind !== 'output') continue;
      const more = barred.length === 0 ? [] : (await this.#headsOf(names, barred)).heads;
      // A header stands for each version of the Patient that there was when the file was written.
      const unknown = isHeader(segment) ? of.time : Number.NEGATIVE_INFINITY;
      for (const { name, line } of some)
        if (!without.has(name) && (await this.#isRecalled({ name, line, unknown }, heads, [...former, ...more])))
          without.add(name);
    }
    return without;
  }

  /**
   * Whether the line is a version that the payer recalled. The copy of another member, byte for byte, is none.
   * @param unknown the time of a line that does not tell its own, as one cut to some elements, which may be any version
   * @param living current versions of members whom the client may see
   * @param others current versions that count only if they were recalled
   */
  async #isRecalled(
    { name, line, unknown }: { readonly name: string; readonly line: Buffer; readonly unknown: number },
    living: readonly RecordPart[],
    others: readonly RecordPart[],
  ): Promise<boolean> {
    const isNamed = ({ type, id }: RecordPart): boolean => `${type}/${id}` === name;
    const recalls = [...living, ...others].filter((head) => isNamed(head) && head.recalled !== undefined);
    if (recalls.length === 0) return false;
    const updated = lastUpdatedOf(line) ?? unknown;
    if (recalls.every(({ recalled }) => updated >= recalled!)) return false;
    const copies = living.filter((head) => isNamed(head) && head.deleted !== true && head.lastUpdated === updated);
    const stored = await this.#records.load(copies.map(({ member, type, id }) => recordId(member, type, id)));
    return !stored.some((copy) => copy !== undefined && line.equals(copy.line));
  }

  /** The current versions, also under the id to which a merge moved them, and those of members who had them once. */
  async #headsOf(
    names: readonly string[],
    owners: readonly string[],
  ): Promise<{ readonly heads: readonly RecordPart[]; readonly former: readonly RecordPart[] }> {
    const records = this.#records;
    const read = async (ids: readonly string[]): Promise<readonly RecordPart[]> => {
      const found: RecordPart[] = [];
      for (let i = 0; i < ids.length; i += TOGETHER)
        found.push(...(await records.heads(ids.slice(i, i + TOGETHER))).filter((head) => head !== undefined));
      return found;
    };
    const split = names.map((name) => name.split('/') as [string, string]);
    const heads = [...(await read(split.flatMap(([type, id]) => owners.map((owner) => recordId(owner, type, id)))))];
    const former: RecordPart[] = [];
    for (const { type, id } of heads.filter(({ reason }) => reason === 'merged')) {
      const found = await records.owners(type, id);
      const idOf = (owner: string): string => recordId(owner, type, id);
      heads.push(...(await read(found.holders.map(idOf))));
      former.push(...(await read(found.former.map(idOf))));
    }
    return { heads, former };
  }
}

/**
 * A list of deletes and a block name resources of every type, and a Provenance is about resources of every type. The
 * header of a block names the Patient, so what withholds the Patient withholds the header.
 */
const namesEveryType = ({ kind, type, types }: PartInfo): boolean =>
  kind === 'deleted' || type === PROVENANCE || types !== undefined;
const asksShared = (file: PartInfo): boolean => namesEveryType(file) || isSupporting(file);

/** Whose records the segment may have lines of. Several members and the directory may have a copy of a Medication. */
function ownersOf({ file, index, permitted }: LateLabelsOf, { of }: IndexedSegment): readonly string[] {
  if (isSupporting(file) && isSharedType(file.type)) return [SHARED];
  const members = of.map((at) => index.members[at]!).filter(permitted);
  return isSupporting(file) || file.types !== undefined ? [...members, SHARED] : members;
}

/** Whose labels decide about the segments. */
function membersOf(of: LateLabelsOf, segments: readonly IndexedSegment[]): readonly string[] {
  const { file, index, permitted } = of;
  if (isSupporting(file) && !mayBeShared(file.type)) return [SHARED];
  const all = segments.flatMap((segment) => segment.of.map((at) => index.members[at]!));
  const members = new Set(isSupporting(file) ? all : all.filter(permitted));
  return asksShared(file) ? [SHARED, ...members] : [...members];
}

/** Whether a resource of the segment, or a target of its Provenances, may have a label that is newer than the file. */
function suspectOf({ file, index, time, permitted, check, last }: LateLabelsOf): (segment: IndexedSegment) => boolean {
  const ordinary = withholdsOrdinary(check.labels);
  const any = namesEveryType(file);
  const isLate = (member: string): boolean => last.since(time, member, any ? undefined : file.type, ordinary);
  const shared = asksShared(file) && isLate(SHARED);
  const counts = (member: string): boolean => isSupporting(file) || permitted(member);
  const late = new Map<number, boolean>();
  return ({ of }) => {
    if (shared) return true;
    if (isSupporting(file) && !mayBeShared(file.type)) return false;
    return of.some((at) => {
      const member = index.members[at]!;
      let is = late.get(at);
      if (is === undefined) late.set(at, (is = counts(member) && isLate(member)));
      return is;
    });
  };
}
