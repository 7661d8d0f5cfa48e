import type { Blobs, BlobWriter } from '@provider-access/engines/blob';
import {
  type Checksum,
  GzipDigest,
  PART_LIMITS,
  PartIndexBuilder,
  type PartLimits,
  type Segment,
} from '../domain/segments/index.ts';

export type FileKind = 'output' | 'deleted' | 'error';
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
  pending: Uint8Array[];
  pendingBytes: number;
  resources: number;
  plain: number;
  compressed: number;
}

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
    let part = this.#open.get(key);
    if (
      part !== undefined &&
      (part.resources + segment.resources > this.#limits.resources || part.plain + segment.plain > this.#limits.plain)
    ) {
      await this.#finish(key, part);
      part = undefined;
    }
    if (part === undefined) {
      const n = this.#counts.get(key) ?? 0;
      this.#counts.set(key, n + 1);
      part = {
        kind,
        type,
        writer: await this.#blobs.writer(`${this.#prefix}${key}-${n}.part`),
        index: new PartIndexBuilder(type, this.#rules),
        digest: new GzipDigest(),
        n,
        pending: [],
        pendingBytes: 0,
        resources: 0,
        plain: 0,
        compressed: 0,
      };
      this.#open.set(key, part);
    }
    part.index.add(members, segment, labels);
    part.digest.add(segment);
    part.resources += segment.resources;
    part.plain += segment.plain;
    part.compressed += segment.compressed;
    part.pending.push(segment.bytes);
    part.pendingBytes += segment.bytes.byteLength;
    if (part.pendingBytes >= this.#limits.stretch) await this.#flush(part);
  }

  /**
   * Makes all parts durable that `write` adds, and returns them in the order of their names. After an error it removes
   * the open ones.
   */
  async written(write: () => Promise<void>): Promise<readonly PartInfo[]> {
    try {
      await write();
      for (const [key, part] of [...this.#open]) await this.#finish(key, part);
    } catch (error) {
      for (const part of this.#open.values()) await part.writer.abort();
      throw error;
    }
    return this.#done.toSorted((a, b) => (a.part < b.part ? -1 : 1));
  }

  async #flush(part: OpenPart): Promise<void> {
    const bytes = Buffer.concat(part.pending, part.pendingBytes);
    part.pending = [];
    part.pendingBytes = 0;
    part.digest.write(bytes);
    await part.writer.write(bytes);
  }
  async #finish(key: string, part: OpenPart): Promise<void> {
    await this.#flush(part);
    const name = `${this.#prefix}${key}-${part.n}`;
    // Write the index last, so that a part with an index is complete.
    await part.writer.commit();
    await this.#blobs.put(`${name}.index`, part.index.encode());
    this.#open.delete(key);
    const { kind, type, n, resources, plain, compressed, digest } = part;
    const file = `${key}-${this.#label}-${n}.ndjson`;
    const names = { part: `${name}.part`, index: `${name}.index` };
    this.#done.push({ file, kind, type, ...names, resources, plain, compressed, gzip: digest.end() });
  }
}
