import { deflateSegment, type PartSet, type Segment } from '@provider-access/jobs/files';

/** Compressed bytes of a block that wait in memory, so that the block can begin in another file. */
const HELD_BYTES = 16 * 1024 * 1024;

interface Held {
  readonly type: string;
  readonly segment: Segment;
  readonly labels: readonly string[];
}
interface Block {
  readonly member: string;
  readonly header: Held;
  /** Whether a segment of it is in a file. */
  begun: boolean;
  held: Held[];
  bytes: number;
}

/** A line that says whose resources follow. It is no resource of the member, so its segment counts none. */
const headerOf = (member: string): Segment => {
  const parameter = [{ name: 'header', valueReference: { reference: `Patient/${member}` } }];
  return deflateSegment(Buffer.from(`${JSON.stringify({ resourceType: 'Parameters', parameter })}\n`), 0);
};

/**
 * Writes files of blocks, one block for each patient: a header, then the resources (Bulk Data 3, `organizeOutputBy`). A
 * block begins in a new file if it does not fit into the open one. Only a block that is larger than a file is in
 * several files, and each of them repeats its header.
 */
export class PatientBlocks {
  readonly #parts: PartSet;
  readonly #heldBytes: number;
  #block: Block | undefined;
  constructor(parts: PartSet, heldBytes = HELD_BYTES) {
    this.#parts = parts;
    this.#heldBytes = heldBytes;
  }

  /** @param labels those of the Patient: what withholds the Patient withholds the header, and so the block */
  begin(member: string, labels: readonly string[]): void {
    const header = { type: 'Patient', segment: headerOf(member), labels };
    this.#block = { member, header, begun: false, held: [], bytes: 0 };
  }
  async add(type: string, segment: Segment, labels: readonly string[]): Promise<void> {
    const block = this.#block!;
    block.held.push({ type, segment, labels });
    block.bytes += segment.bytes.byteLength;
    if (block.bytes >= this.#heldBytes) await this.#write(block);
  }
  /** A block without a resource is not written. */
  async end(): Promise<void> {
    if (this.#block !== undefined) await this.#write(this.#block);
    this.#block = undefined;
  }

  async #write(block: Block): Promise<void> {
    const { held } = block;
    block.held = [];
    block.bytes = 0;
    if (!block.begun && held.length > 0) {
      const size = { resources: 0, plain: 0 };
      for (const { segment } of [block.header, ...held]) {
        size.resources += segment.resources;
        size.plain += segment.plain;
      }
      if (!this.#parts.hasRoom(size)) await this.#parts.endBlocks(false);
      await this.#put(block, block.header);
      block.begun = true;
    }
    for (const each of held) {
      if (!this.#parts.hasRoom(each.segment)) {
        await this.#parts.endBlocks(true);
        await this.#put(block, block.header);
      }
      await this.#put(block, each);
    }
  }
  #put({ member }: Block, { type, segment, labels }: Held): Promise<void> {
    return this.#parts.addToBlock(type, member, segment, labels);
  }
}
