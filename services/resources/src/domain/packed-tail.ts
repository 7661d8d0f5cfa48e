/** Bytes of the start of a line beside its head and the payer's own time: versionId, lastUpdated and their names. */
const VERSION_BYTES = 80;

/** Bytes to leave free before a tail. A start that needs more is joined with a copy of the tail. */
export const roomFor = (head: string, payerUpdated: string): number =>
  head.length + payerUpdated.length + VERSION_BYTES;

/**
 * The end of a line in a buffer that has the tails of many lines, each with room before it. The start of the line is
 * written there, so the tail is not copied.
 */
export class PackedTail {
  readonly #lines: Buffer;
  readonly #from: number;
  readonly #to: number;
  #room: number;

  /** @param room free bytes before the tail, which nobody else may use */
  constructor(lines: Buffer, from: number, to: number, room: number) {
    this.#lines = lines;
    this.#from = from;
    this.#to = to;
    this.#room = room;
  }

  /** The start and the tail as bytes. Only the first call uses the room, because its line is in use afterwards. */
  after(start: string): Buffer {
    const bytes = Buffer.byteLength(start);
    if (bytes > this.#room) return Buffer.concat([Buffer.from(start), this.#lines.subarray(this.#from, this.#to)]);
    this.#room = 0;
    const at = this.#from - bytes;
    this.#lines.write(start, at);
    return this.#lines.subarray(at, this.#to);
  }

  toString(): string {
    return this.#lines.toString('utf8', this.#from, this.#to);
  }
}
