import { BoundedMap } from '@provider-access/kernel';
import { broughtType, type LabelCheck, labelsOfRecord, type RecordsReader, SHARED } from '@provider-access/records';
import { deflateSegment, type Segment } from '@provider-access/jobs/files';
import type { Asked } from './asked.ts';

/** A resource without a patient as a segment, which any block may have. */
interface Node {
  /** `Type/id` */
  readonly name: string;
  readonly type: string;
  readonly references: readonly string[];
  /** ms since the epoch */
  readonly updated: number;
  readonly segment: Segment;
  readonly labels: readonly string[];
}
/** Resources that several blocks of a chunk may have. */
const KNOWN = 1000;
/** Lines in memory at once. */
const BATCH = 64;

interface Sources {
  readonly records: RecordsReader;
  readonly check: LabelCheck;
  readonly types: ReadonlySet<string>;
  /** ms since the epoch */
  readonly since?: number | undefined;
  readonly asked: Asked;
}

/**
 * The supporting resources of a block: what its resources refer to, directly or through other such resources.
 * `Supporting` has the same rules for an export whose files have one type each.
 */
export class BlockSupporting {
  readonly #sources: Sources;
  /** Undefined: it does not exist for this export. */
  readonly #known = new BoundedMap<string, Node | undefined>(KNOWN);
  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /**
   * In the order of type and id.
   * @param changed references of resources that changed since `_since`
   * @param unchanged references of other resources: their targets count only if they changed
   */
  async of(changed: Iterable<string>, unchanged: Iterable<string>): Promise<readonly Node[]> {
    const reached = new Map<string, boolean>();
    for (const reference of unchanged) reached.set(reference, false);
    for (const reference of changed) reached.set(reference, true);
    const nodes = new Map<string, Node>();
    let open = [...reached.keys()];
    while (open.length > 0) {
      await this.#load(open, nodes);
      const next = new Set<string>();
      for (const reference of open) {
        const node = nodes.get(reference);
        if (node === undefined) continue;
        const always = reached.get(reference)! || this.#isNew(node);
        for (const further of node.references) {
          if (!this.#sources.types.has(broughtType(node.type, further) ?? '')) continue;
          if (reached.has(further) && (reached.get(further)! || !always)) continue;
          reached.set(further, always);
          next.add(further);
        }
      }
      open = [...next];
    }
    return [...nodes]
      .filter(([reference, node]) => reached.get(reference) === true || this.#isNew(node))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([, node]) => node);
  }

  #isNew({ updated }: Node): boolean {
    const { since } = this.#sources;
    return since !== undefined && updated >= since;
  }

  async #load(references: readonly string[], nodes: Map<string, Node>): Promise<void> {
    const missing: string[] = [];
    for (const reference of references) {
      const known = this.#known.get(reference);
      if (known !== undefined) nodes.set(reference, known);
      else if (!this.#known.has(reference)) missing.push(reference);
    }
    for (let at = 0; at < missing.length; at += BATCH) await this.#read(missing.slice(at, at + BATCH), nodes);
  }
  async #read(references: readonly string[], nodes: Map<string, Node>): Promise<void> {
    const { records, check, asked } = this.#sources;
    const found = await records.load(references.map((reference) => `${SHARED}/${reference}`));
    for (const [at, record] of found.entries()) {
      const reference = references[at]!;
      this.#known.set(reference, undefined);
      if (record === undefined || record.deleted === true || (await check.withheld(record))) continue;
      const line = asked.lineOf(record);
      if (line === undefined) continue;
      const node: Node = {
        name: reference,
        type: record.type,
        references: record.references,
        updated: record.lastUpdated,
        segment: deflateSegment(Buffer.concat([line, NEWLINE]), 1),
        labels: labelsOfRecord(record),
      };
      this.#known.set(reference, node);
      nodes.set(reference, node);
    }
  }
}
const NEWLINE = Buffer.from('\n');
