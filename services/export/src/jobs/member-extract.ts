import { labelRules } from '@provider-access/domain/pdex/labels';
import type { Extract, ExtractsOptions, FilledExtract } from '@provider-access/engines/views';
import { memberFacts } from '@provider-access/facts/views';
import { belongsToLine, broughtType, PROVENANCE, records } from '@provider-access/records';
import { PART_LIMITS, type PartLimits, type Segment, type SegmentSize } from '@provider-access/jobs/files';

/**
 * The segments of a type that an export of the whole member writes. They hold only resources without a security label,
 * which no policy withholds.
 */
interface ExtractedType {
  readonly type: string;
  readonly segments: readonly SegmentSize[];
  /** `Type/id` of what the resources may bring along into an export, each once. */
  readonly references: readonly string[];
  /** Whether one of the resources belongs to a line of business. With a table, their records are read each time. */
  readonly ofLine: boolean;
}
/** The head of an extract. Its body has the segments of all types, in this order. */
interface ExtractHead {
  readonly types: readonly ExtractedType[];
  /** Types of the member whose records a chunk reads each time. */
  readonly others: readonly string[];
}

/** Most bytes of segments in the extract of one member, and in the extracts that one chunk hands back. */
const MEMBER_BYTES = 4 * 1024 * 1024;
export const CHUNK_BYTES = 16 * 1024 * 1024;
const STORE_BYTES = 256 * 1024 * 1024;

/**
 * Of these types a chunk reads the records each time. The labels of other resources decide about a Provenance, and
 * other members may have the same Medication.
 */
const READ_EACH_TIME: ReadonlySet<string> = new Set([PROVENANCE, 'Medication']);

/** A write of a record, or of the facts of the member, removes the extract (docs/adr/0091-extracts.md). */
export const extractsOptions = ({ segment }: Pick<PartLimits, 'segment'> = PART_LIMITS): ExtractsOptions => ({
  name: 'export',
  form: `2/${labelRules()}/${segment}`,
  of: [records, memberFacts],
  maxBytes: STORE_BYTES,
});

/** What an extract has of the exported types, and the types that are left to read. */
export interface Extracted {
  readonly types: readonly (Omit<ExtractedType, 'segments'> & { readonly segments: readonly Segment[] })[];
  readonly others: readonly string[];
}

/**
 * Undefined if the extract is not filled.
 * @param hasLines whether a table of lines decides about what belongs to a line of business
 */
export function extractedOf(
  { head, body }: Extract,
  wanted: ReadonlySet<string>,
  hasLines: boolean,
): Extracted | undefined {
  if (head === undefined || body === undefined) return undefined;
  const { types, others } = head as ExtractHead;
  let at = 0;
  const found = types.map(({ type, references, ofLine, segments }) => ({
    type,
    references,
    ofLine,
    segments: segments.map((size) => ({ ...size, bytes: body.subarray(at, (at += size.compressed)) })),
  }));
  const [read, kept] = [
    found.filter(({ ofLine }) => hasLines && ofLine),
    found.filter((one) => !(hasLines && one.ofLine)),
  ];
  return {
    types: kept.filter(({ type }) => wanted.has(type)),
    others: [...others, ...read.map(({ type }) => type)].filter((type) => wanted.has(type)),
  };
}

/** Collects the extract of a member while a chunk reads all records of the member. */
export class ExtractBuilder {
  readonly #id: number;
  readonly #types = new Map<string, { segments: Segment[]; references: Set<string>; ofLine: boolean }>();
  readonly #others = new Set<string>();
  #bytes = 0;
  #tooLarge = false;
  constructor({ id }: Extract) {
    this.#id = id;
  }

  /** A live record, with the labels that decided about it. */
  read(type: string, references: readonly string[], labels: readonly string[], withheld: boolean): void {
    if (withheld || labels.length > 0 || READ_EACH_TIME.has(type)) this.leave(type);
    if (this.#tooLarge) return;
    const known = this.#of(type);
    known.ofLine ||= belongsToLine(type, references);
    for (const reference of references) if (broughtType(type, reference) !== undefined) known.references.add(reference);
  }
  /** The records of this type are read each time. */
  leave(type: string): void {
    this.#others.add(type);
  }
  add(type: string, segment: Segment): void {
    this.#bytes += segment.compressed;
    this.#tooLarge ||= this.#bytes > MEMBER_BYTES;
    if (this.#tooLarge) this.#types.clear();
    else this.#of(type).segments.push(segment);
  }

  /** Undefined if the member has too much. */
  end(): FilledExtract | undefined {
    if (this.#tooLarge) return undefined;
    const kept = [...this.#types].filter(([type]) => !this.#others.has(type));
    const types = kept.map(([type, { segments, references, ofLine }]): ExtractedType => ({
      type,
      ofLine,
      segments: segments.map(({ resources, plain, compressed, crc }) => ({ resources, plain, compressed, crc })),
      references: [...references],
    }));
    const body = Buffer.concat(kept.flatMap(([, { segments }]) => segments.map(({ bytes }) => bytes)));
    return { id: this.#id, head: { types, others: [...this.#others] } satisfies ExtractHead, body };
  }

  #of(type: string) {
    let found = this.#types.get(type);
    if (found === undefined) this.#types.set(type, (found = { segments: [], references: new Set(), ofLine: false }));
    return found;
  }
}
