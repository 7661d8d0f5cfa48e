import type { ResultKind } from '@provider-access/domain/pdex/match';
import type { Blobs, BlobWriter } from '@provider-access/engines/blob';
import {
  type Checksum,
  GzipDigest,
  PART_LIMITS,
  PartIndexBuilder,
  type PartLimits,
  type Segment,
  type SegmentSize,
} from '../segments/index.ts';

export type FileKind = 'output' | 'deleted' | 'error';
/**
 * How a download makes the one line of a Group from its segments. Absent: as the list of a Group, whose entries are
 * between its head and its number of entries. `result`: as a Group that contains what was submitted. `whole`: the line
 * is served as it is stored, because no part of it depends on a member.
 */
export type LineForm =
  { readonly form: 'result'; readonly kind: ResultKind; readonly lastUpdated: string } | { readonly form: 'whole' };
/** A part file. `part` and `index` are names of blobs; `file` is the last segment of the URL. */
export interface PartInfo {
  readonly file: string;
  readonly kind: FileKind;
  readonly type: string;
  readonly part: string;
  readonly index: string;
  readonly resources: number;
  readonly plain: number;
  readonly compressed: number;
  /** Absent in a file of 0.2.0 or earlier. */
  readonly gzip?: Checksum;
  /** Present if the file has blocks, one for each patient: the types in it. `type` is then that of the blocks. */
  readonly types?: readonly string[];
  /** Of a Group that is no list. */
  readonly line?: LineForm;
  /** The file (as `file`) in which the last block goes on. */
  readonly continuesIn?: string;
}
/** Stands in the names of files with supporting resources. Those of a chunk have its number there. */
export const SUPPORTING_PARTS = 'shared';
/** Whether each segment has one supporting resource. Other files have resources of one member in each segment. */
export const isSupporting = ({ file }: Pick<PartInfo, 'file'>): boolean => file.includes(`-${SUPPORTING_PARTS}-`);

interface OpenPart extends Pick<PartInfo, 'kind' | 'type'> {
  readonly writer: BlobWriter;
  readonly index: PartIndexBuilder;
  readonly digest: GzipDigest;
  readonly n: number;
  /** Of a file of blocks. */
  readonly types?: Set<string>;
  pending: Uint8Array[];
  pendingBytes: number;
  resources: number;
  plain: number;
  compressed: number;
}
type Sizes = Pick<SegmentSize, 'resources' | 'plain'>;

/** The key of files that have blocks. No resource type has this name. */
const BLOCKS = 'blocks';

/** Parts that are finished at once. The store of files shares the sync of their folder among them. */
const TOGETHER = 32;

/** The part files of a chunk. One file of each type is open, and needs memory for one stretch. */
export class PartSet {
  readonly #blobs: Blobs;
  readonly #prefix: string;
  readonly #label: string;
  readonly #limits: PartLimits;
  readonly #open = new Map<string, OpenPart>();
  readonly #counts = new Map<string, number>();
  readonly #done: PartInfo[] = [];
  readonly #rules: string | undefined;
  /** @param rules which rules found the labels of the segments (`LabelCheck.rules`) */
  constructor(blobs: Blobs, prefix: string, label: string, limits: PartLimits = PART_LIMITS, rules?: string) {
    this.#rules = rules;
    this.#blobs = blobs;
    this.#prefix = prefix;
    this.#label = label;
    this.#limits = limits;
  }

  /** Appends a segment of these members and labels. Starts another part when a limit is reached. */
  async add(
    kind: FileKind,
    type: string,
    members: readonly string[],
    segment: Segment,
    labels: readonly string[] = [],
  ): Promise<void> {
    const key = kind === 'output' ? type : kind;
    if (!this.#hasRoom(key, segment)) await this.#finish(key);
    const part = this.#open.get(key) ?? (await this.#start(key, { kind, type }));
    await this.#append(part, members, segment, labels);
  }

  /** Appends a segment of a block to the open file of blocks, whatever its size. */
  async addToBlock(type: string, member: string, segment: Segment, labels: readonly string[]): Promise<void> {
    const of = { kind: 'output', type: 'Patient', types: new Set<string>() } as const;
    const part = this.#open.get(BLOCKS) ?? (await this.#start(BLOCKS, of));
    if (segment.resources > 0) part.types!.add(type);
    await this.#append(part, [member], segment, labels);
  }
  /** Whether the open file of blocks has room for this, or is new. */
  hasRoom(size: Sizes): boolean {
    return this.#hasRoom(BLOCKS, size);
  }
  /** Ends the open file of blocks. `continues`: the last block goes on in the next file. */
  async endBlocks(continues: boolean): Promise<void> {
    const n = this.#counts.get(BLOCKS) ?? 0;
    await this.#finish(BLOCKS, continues ? { continuesIn: this.#fileOf(BLOCKS, n) } : {});
  }

  /**
   * Makes all parts durable that `write` adds, and returns them in the order of their names. After an error it removes
   * the open ones.
   */
  async written(write: () => Promise<void>): Promise<readonly PartInfo[]> {
    try {
      await write();
      await this.#finishAll();
    } catch (error) {
      for (const part of this.#open.values()) await part.writer.abort();
      throw error;
    }
    return this.#done.toSorted((a, b) => (a.part < b.part ? -1 : 1));
  }

  /** Finishes the open parts, a few at a time. @throws the first error, when no part is being finished any more */
  async #finishAll(): Promise<void> {
    const open = [...this.#open.keys()];
    let failed = false;
    const finishSome = async (): Promise<void> => {
      try {
        for (let key = open.shift(); key !== undefined && !failed; key = open.shift()) await this.#finish(key);
      } catch (error) {
        failed = true;
        throw error;
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: TOGETHER }, finishSome));
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  }

  #fileOf(key: string, n: number): string {
    return `${key}-${this.#label}-${n}.ndjson`;
  }
  #hasRoom(key: string, { resources, plain }: Sizes): boolean {
    const part = this.#open.get(key);
    return (
      part === undefined ||
      (part.resources + resources <= this.#limits.resources && part.plain + plain <= this.#limits.plain)
    );
  }
  async #start(key: string, of: Pick<OpenPart, 'kind' | 'type' | 'types'>): Promise<OpenPart> {
    const n = this.#counts.get(key) ?? 0;
    this.#counts.set(key, n + 1);
    const part: OpenPart = {
      ...of,
      writer: await this.#blobs.writer(`${this.#prefix}${key}-${n}.part`),
      index: new PartIndexBuilder(of.type, this.#rules, of.types !== undefined),
      digest: new GzipDigest(),
      n,
      pending: [],
      pendingBytes: 0,
      resources: 0,
      plain: 0,
      compressed: 0,
    };
    this.#open.set(key, part);
    return part;
  }
  async #append(
    part: OpenPart,
    members: readonly string[],
    segment: Segment,
    labels: readonly string[],
  ): Promise<void> {
    part.index.add(members, segment, labels);
    part.digest.add(segment);
    part.resources += segment.resources;
    part.plain += segment.plain;
    part.compressed += segment.compressed;
    part.pending.push(segment.bytes);
    part.pendingBytes += segment.bytes.byteLength;
    if (part.pendingBytes >= this.#limits.stretch) await this.#flush(part);
  }
  async #flush(part: OpenPart): Promise<void> {
    const bytes = Buffer.concat(part.pending, part.pendingBytes);
    part.pending = [];
    part.pendingBytes = 0;
    part.digest.write(bytes);
    await part.writer.write(bytes);
  }
  async #finish(key: string, more: Pick<PartInfo, 'continuesIn'> = {}): Promise<void> {
    const part = this.#open.get(key);
    if (part === undefined) return;
    await this.#flush(part);
    const { kind, type, types, n, resources, plain, compressed, digest } = part;
    const name = `${this.#prefix}${key}-${n}`;
    // Write the index last, so that a part with an index is complete.
    await part.writer.commit();
    await this.#blobs.put(`${name}.index`, part.index.encode());
    this.#open.delete(key);
    this.#done.push({
      file: this.#fileOf(key, n),
      kind,
      type,
      part: `${name}.part`,
      index: `${name}.index`,
      resources,
      plain,
      compressed,
      gzip: digest.end(),
      ...(types !== undefined && { types: [...types].toSorted() }),
      ...more,
    });
  }
}
