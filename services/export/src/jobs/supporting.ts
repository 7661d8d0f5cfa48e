import {
  broughtType,
  hasAllLabels,
  type LabelCheck,
  labelsOfRecord,
  recordId,
  SHARED,
  type RecordPart,
  type RecordsReader,
} from '@provider-access/records';
import { deflateSegment, MEMBERS_OF_SUPPORTING, type PartSet, type Segment } from '@provider-access/jobs/files';
import type { ChunkSummary } from './ask.ts';
import type { Asked } from './asked.ts';
import type { KeptSegments } from './kept-segments.ts';

/** The references of a chunk, and the member ids to which its positions refer. */
type Carriers = Pick<ChunkSummary, 'references' | 'unchanged' | 'common' | 'released'>;

interface Node {
  readonly members: Set<string>;
  /** Exported even if the resource did not change since `_since`. */ always: boolean;
}
interface Writing {
  readonly records: RecordsReader;
  readonly parts: PartSet;
  readonly kept: KeptSegments;
}
const BATCH = 500;

/**
 * Resources without a patient to which released resources refer, directly or through other such resources: a
 * PractitionerRole leads to its Practitioner, an Organization to its parent. Each resource is a segment, and names the
 * members because of whom it is exported.
 */
export class Supporting {
  readonly #nodes = new Map<string, Node>();
  readonly #common = new Map<string, Set<string>>();
  readonly #types: ReadonlySet<string>;
  readonly #since: number | undefined;
  readonly #check: LabelCheck;
  readonly #asked: Asked | undefined;
  constructor(types: readonly string[], since: number | undefined, check: LabelCheck, asked?: Asked) {
    this.#asked = asked;
    this.#types = new Set(types);
    this.#since = since;
    this.#check = check;
  }

  /** Adds a chunk's references for the members that are still permitted. */
  collect(chunk: Carriers, permitted: (member: string) => boolean): void {
    const members = (positions: readonly number[]): string[] =>
      positions.map((p) => chunk.released[p]!).filter(permitted);
    for (const [list, always] of [
      [chunk.references, true],
      [chunk.unchanged, false],
    ] as const)
      for (const [reference, positions] of list) this.#reach(reference, members(positions), always);
    for (const [reference, positions] of chunk.common) {
      const known = this.#common.get(reference) ?? new Set<string>();
      for (const member of members(positions)) if (known.size < MEMBERS_OF_SUPPORTING) known.add(member);
      if (known.size > 0) this.#common.set(reference, known);
    }
  }

  /** Follows all references, then writes the resources that exist, in the order of type and id. */
  async write(records: RecordsReader, parts: PartSet, kept: KeptSegments): Promise<void> {
    const heads = await this.#follow(records);
    for (const reference of [...heads.keys()].toSorted()) {
      const head = heads.get(reference)!;
      const node = this.#nodes.get(reference)!;
      if (!node.always && !(this.#since !== undefined && head.lastUpdated >= this.#since)) continue;
      await this.#add({ records, parts, kept }, SHARED, head, node.members);
    }
    for (const reference of [...this.#common.keys()].toSorted()) {
      const [type, id] = reference.split('/') as [string, string];
      const members = this.#common.get(reference)!;
      // Several members may have a copy of the resource. Write the copy that was recorded last.
      const copies = (await records.heads([...members].map((m) => recordId(m, type, id)))).filter(
        (h) => h !== undefined && h.deleted !== true,
      ) as RecordPart[];
      const latest = copies.toSorted((a, b) => b.lastUpdated - a.lastUpdated || (a.member < b.member ? -1 : 1))[0];
      if (latest !== undefined) await this.#add({ records, parts, kept }, latest.member, latest, members);
    }
  }

  #reach(reference: string, members: Iterable<string>, always: boolean): boolean {
    let node = this.#nodes.get(reference);
    let changed = false;
    for (const member of members) {
      if (node === undefined) this.#nodes.set(reference, (node = { members: new Set(), always: false }));
      if (node.members.size >= MEMBERS_OF_SUPPORTING || node.members.has(member)) continue;
      node.members.add(member);
      changed = true;
    }
    if (node !== undefined && always && !node.always) {
      node.always = true;
      changed = true;
    }
    return changed;
  }

  async #follow(records: RecordsReader): Promise<Map<string, RecordPart>> {
    const heads = new Map<string, RecordPart>();
    let open = [...this.#nodes.keys()];
    while (open.length > 0) {
      const next = new Set<string>();
      for (let i = 0; i < open.length; i += BATCH) {
        const batch = open.slice(i, i + BATCH);
        await this.#load(batch, heads, records);
        for (const reference of batch) this.#pass(reference, heads.get(reference), next);
      }
      open = [...next];
    }
    return heads;
  }

  async #load(references: readonly string[], heads: Map<string, RecordPart>, records: RecordsReader): Promise<void> {
    const missing = references.filter((r) => !heads.has(r));
    const found = await records.heads(missing.map((r) => `${SHARED}/${r}`));
    for (const [at, head] of found.entries()) {
      if (head === undefined || head.deleted === true) continue;
      // A withheld resource brings along nothing. A head of an earlier release does not have its labels.
      // A resource that the filters do not find brings along nothing either, and only its line tells.
      const leaves = this.#asked?.leaves(head.type) !== false;
      const line = !hasAllLabels(head) || !leaves ? await records.byTypeId(SHARED, head.type, head.id) : undefined;
      const known = line ?? (hasAllLabels(head) && leaves ? head : undefined);
      if (known === undefined || (await this.#check.withheld(known))) continue;
      if (leaves || (line !== undefined && this.#asked!.lineOf(line) !== undefined)) heads.set(missing[at]!, head);
    }
  }

  /** Adds the members of a resource to its targets. `next` collects the targets that got a new member. */
  #pass(reference: string, head: RecordPart | undefined, next: Set<string>): void {
    if (head === undefined) return;
    const node = this.#nodes.get(reference)!;
    const always = node.always || (this.#since !== undefined && head.lastUpdated >= this.#since);
    for (const further of head.references) {
      const type = broughtType(head.type, further);
      if (type !== undefined && this.#types.has(type) && this.#reach(further, node.members, always)) next.add(further);
    }
  }

  async #add(
    { records, parts, kept }: Writing,
    under: string,
    head: RecordPart,
    members: Iterable<string>,
  ): Promise<void> {
    const add = (segment: Segment, labels: readonly string[]): Promise<void> =>
      parts.add('output', head.type, [...members], segment, labels);
    // `hasAllLabels`: without its line the head tells whether it is withheld.
    const known = this.#asked === undefined && hasAllLabels(head) ? kept.of(head) : undefined;
    if (known !== undefined) {
      if (!(await this.#check.withheld(head))) await add(known, head.labels ?? []);
      return;
    }
    const record = await records.byTypeId(under, head.type, head.id);
    if (record === undefined || (await this.#check.withheld(record))) return;
    const line = this.#asked === undefined ? record.line : this.#asked.lineOf(record);
    if (line === undefined) return;
    const segment = deflateSegment(Buffer.concat([line, Buffer.from('\n')]), 1);
    if (this.#asked === undefined) kept.keep(record, segment);
    await add(segment, labelsOfRecord(record));
  }
}
