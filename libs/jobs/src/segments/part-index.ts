import { labelRules } from '@provider-access/domain/pdex/labels';
import { bufferOf } from '@provider-access/events';
import type { SegmentSize } from './segment.ts';

/**
 * The index of a part file: the members of each segment. A segment of a patient's resources names that patient. A
 * segment of a supporting resource names at most MEMBERS_OF_SUPPORTING of its members. If access to all of them ends,
 * the resource is hidden, although other members may still be permitted.
 */
export interface PartIndex {
  /** Resource type, or `Bundle` for deleted entries. */
  readonly type: string;
  readonly members: readonly string[];
  readonly segments: readonly IndexedSegment[];
  /** Which version of the rules found the labels. Absent in an index of an earlier release. */
  readonly labelsBy?: string;
}
export interface IndexedSegment extends SegmentSize {
  /** Positions in `members`. The segment is permitted if one of these members is. */
  readonly of: readonly number[];
  /** Security labels, which all resources of the segment have in common. */
  readonly labels: readonly string[];
  /** Offset of the segment in the part file. */
  readonly offset: number;
  /** Present if the segment is served without some of its resources: the sizes above are then those that are served. */
  readonly cut?: Cut;
  /** Present if these bytes are served, whatever the part file has: the sizes above are theirs. */
  readonly inline?: Inline;
}
interface Inline {
  readonly lines: Uint8Array;
  /** The same, deflated. */
  readonly bytes: Uint8Array;
}
/** What is stored of a segment that is served without some of its resources. */
interface Cut {
  readonly stored: SegmentSize;
  /** `Type/id` of the resources that are left out. */
  readonly without: ReadonlySet<string>;
}
export const MEMBERS_OF_SUPPORTING = 1000;

const COLUMNS = ['resources', 'plain', 'compressed', 'crc'] as const satisfies readonly (keyof SegmentSize)[];
type Column = (typeof COLUMNS)[number];

/**
 * The version of an index of blocks or of a list, whose downloads follow rules of their own. The form is the same, but
 * a build that does not know these rules cannot read the index, so it serves no such file.
 */
const APART = 2;

/** The stored form has columns instead of objects, because they are smaller and several times faster to parse. */
interface Stored extends Record<Column, number[]> {
  v: 1 | typeof APART;
  type: string;
  members: string[];
  of: (number | number[])[];
  /** Each set of labels once, and its position for each segment. Absent if no resource of the part has a label. */
  labels?: { sets: (readonly string[])[]; of: number[] };
  labelsBy?: string;
}

export class PartIndexBuilder {
  readonly #type: string;
  readonly #positions = new Map<string, number>();
  readonly #of: (number | number[])[] = [];
  readonly #labels: number[] = [];
  readonly #sets = new Map<string, number>();
  readonly #sizes: SegmentSize[] = [];
  readonly #rules: string;
  readonly #apart: boolean;
  /** @param apart whether the part has blocks, or entries of a list */
  constructor(type: string, rules = labelRules(), apart = false) {
    this.#type = type;
    this.#rules = rules;
    this.#apart = apart;
  }
  add(members: readonly string[], size: SegmentSize, labels: readonly string[] = []): void {
    const set = JSON.stringify(labels);
    this.#labels.push(this.#sets.get(set) ?? this.#sets.set(set, this.#sets.size).size - 1);
    const at = members.slice(0, MEMBERS_OF_SUPPORTING).map((m) => this.#position(m));
    this.#of.push(at.length === 1 ? at[0]! : at);
    const { resources, plain, compressed, crc } = size;
    this.#sizes.push({ resources, plain, compressed, crc });
  }
  encode(): string {
    const columns = COLUMNS.map((column) => [column, this.#sizes.map((size) => size[column])] as const);
    return JSON.stringify({
      v: this.#apart ? APART : 1,
      type: this.#type,
      members: [...this.#positions.keys()],
      of: this.#of,
      ...([...this.#sets.keys()].some((set) => set !== '[]') && {
        labels: { sets: [...this.#sets.keys()].map((set) => JSON.parse(set) as string[]), of: this.#labels },
      }),
      labelsBy: this.#rules,
      ...(Object.fromEntries(columns) as Record<Column, number[]>),
    } satisfies Stored);
  }
  #position(member: string): number {
    let at = this.#positions.get(member);
    if (at === undefined) this.#positions.set(member, (at = this.#positions.size));
    return at;
  }
}

const NONE: readonly string[] = [];

/** Throws if the bytes are not a consistent index. */
export function decodeIndex(bytes: Uint8Array): PartIndex {
  const stored = JSON.parse(bufferOf(bytes).toString()) as Stored;
  const n = stored.of.length;
  const { labels } = stored;
  const columns = [...COLUMNS.map((column) => stored[column]), ...(labels ? [labels.of] : [])];
  if ((stored.v !== 1 && stored.v !== APART) || columns.some((c) => c.length !== n))
    throw new Error('not a part index of version 1 or 2');
  let offset = 0;
  const segments: IndexedSegment[] = [];
  for (let i = 0; i < n; i++) {
    const of = stored.of[i]!;
    const segment: IndexedSegment = {
      of: typeof of === 'number' ? [of] : of,
      labels: labels === undefined ? NONE : labels.sets[labels.of[i]!]!,
      offset,
      resources: stored.resources[i]!,
      plain: stored.plain[i]!,
      compressed: stored.compressed[i]!,
      crc: stored.crc[i]!,
    };
    segments.push(segment);
    offset += segment.compressed;
  }
  const { type, members, labelsBy } = stored;
  return { type, members, segments, ...(labelsBy !== undefined && { labelsBy }) };
}
