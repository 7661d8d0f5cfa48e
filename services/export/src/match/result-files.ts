import {
  entryParts,
  headPart,
  type ResultEntry,
  type ResultHead,
  resultLine,
} from '@provider-access/domain/pdex/match';
import type { Blobs } from '@provider-access/engines/blob';
import { operationOutcome } from '@provider-access/fhir';
import {
  deflateSegment,
  type FileKind,
  PartIndexBuilder,
  type PartInfo,
  type Segment,
} from '@provider-access/jobs/files';
import type { Judged } from './judged.ts';

/** A segment of a file, and whose it is. */
interface Owned {
  readonly members: readonly string[];
  readonly segment: Segment;
}
const owned = (text: string, members: readonly string[] = [], lines = 0): Owned => ({
  members,
  segment: deflateSegment(Buffer.from(text), lines),
});

/**
 * Which rules found the labels of the segments: none, so that each download looks whether a label withholds the Patient
 * of an entry, as a read of the Group does.
 */
const NO_LABELS = '';

/** Writes the files of a result under a prefix that has the fence of the attempt. */
export class ResultFiles {
  readonly #blobs: Blobs;
  readonly #prefix: string;
  constructor(blobs: Blobs, prefix: string) {
    this.#blobs = blobs;
    this.#prefix = prefix;
  }

  /**
   * The Group of matched members, in segments of members: a part of its line names them, so it is never stored as a
   * whole. First come the contained resources of all entries, then the entries, each behind a comma.
   */
  matched(head: ResultHead, entries: readonly (ResultEntry & { readonly member: string })[]): Promise<PartInfo> {
    const parts = entries.map((entry) => ({ member: entry.member, ...entryParts('matched', entry) }));
    const { kind, lastUpdated } = head;
    return this.#write('matched', { kind: 'output', type: 'Group', line: { form: 'result', kind, lastUpdated } }, [
      owned(headPart(head), [], 1),
      ...parts.map(({ member, contained }) => owned(`,${contained}`, [member])),
      ...parts.map(({ member, entry }) => owned(`,${entry}`, [member])),
    ]);
  }

  /** A Group that names none of our members. It stays as it is, whatever happens to them. */
  nonMatched(head: ResultHead, entries: readonly ResultEntry[]): Promise<PartInfo> {
    return this.#write('nonmatched', { kind: 'output', type: 'Group', line: { form: 'whole' } }, [
      owned(`${resultLine(head, entries)}\n`, [], 1),
    ]);
  }

  /** The Group of members whom an opt-out bars. The payer switched it on, so their denial does not remove it. */
  constrained(head: ResultHead, entries: readonly (ResultEntry & { readonly member: string })[]): Promise<PartInfo> {
    return this.#write('constrained', { kind: 'output', type: 'Group', line: { form: 'whole' } }, [
      owned(`${resultLine(head, entries)}\n`, [], 1),
    ]);
  }

  /** An OperationOutcome for each bundle that could not be read (M6). */
  errors(faults: readonly Pick<Judged, 'place' | 'fault'>[]): Promise<PartInfo> {
    const lines = faults.map(({ place, fault }) => {
      const { element, text } = fault!;
      return operationOutcome('error', 'invalid', `MemberBundle ${place}: ${element} ${text}`, element);
    });
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
    return this.#write('error', { kind: 'error', type: 'OperationOutcome' }, [owned(text, [], lines.length)]);
  }

  async #write(
    name: string,
    of: { readonly kind: FileKind; readonly type: string } & Pick<PartInfo, 'line'>,
    all: readonly Owned[],
  ): Promise<PartInfo> {
    const base = `${this.#prefix}${name}`;
    const writer = await this.#blobs.writer(`${base}.part`);
    const index = new PartIndexBuilder(of.type, NO_LABELS);
    let plain = 0;
    let compressed = 0;
    try {
      for (const { members, segment } of all) {
        index.add(members, segment);
        plain += segment.plain;
        compressed += segment.compressed;
        await writer.write(segment.bytes);
      }
      await writer.commit();
    } catch (error) {
      await writer.abort();
      throw error;
    }
    await this.#blobs.put(`${base}.index`, index.encode());
    const resources = all.reduce((sum, { segment }) => sum + segment.resources, 0);
    const names = { part: `${base}.part`, index: `${base}.index` };
    return { file: `${of.type}-${name}.ndjson`, ...of, ...names, resources, plain, compressed };
  }
}
