const MAGIC = 0x184d2204;
const DATA_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const DICTIONARY = 0x01;
const RAW_BLOCK = 0x80000000;

/**
 * Decodes LZ4 frames (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md), as Kafka's producers write them. It
 * ignores checksums, because Kafka's own covers the record batch. Throws RangeError if the input is not a frame or the
 * output exceeds `max`.
 */
export function decodeLz4(input: Buffer, max: number): Buffer {
  const output = new Output(max);
  for (let at = 0; at < input.length;) {
    if (input.readUInt32LE(at) !== MAGIC) throw new RangeError('not an LZ4 frame');
    const flags = input[at + 4]!;
    at += 6 + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY ? 4 : 0) + 1;
    for (;;) {
      const size = input.readUInt32LE(at);
      at += 4;
      if (size === 0) break;
      const length = size >= RAW_BLOCK ? size - RAW_BLOCK : size;
      if (at + length > input.length) throw new RangeError('an LZ4 block ends early');
      if (size >= RAW_BLOCK) output.append(input, at, length);
      else decodeBlock(input.subarray(at, at + length), output);
      at += length + (flags & DATA_CHECKSUM ? 4 : 0);
    }
    if (flags & CONTENT_CHECKSUM) at += 4;
  }
  return output.bytes();
}

/** Sequences of literals and a match: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md */
function decodeBlock(input: Buffer, output: Output): void {
  let at = 0;
  const extended = (length: number): number => {
    if (length < 15) return length;
    for (let sum = length; ;) {
      const more = input.readUInt8(at++);
      sum += more;
      if (more !== 255) return sum;
    }
  };
  while (at < input.length) {
    const token = input[at++]!;
    const literals = extended(token >> 4);
    output.append(input, at, literals);
    at += literals;
    if (at === input.length) return;
    const distance = input.readUInt16LE(at);
    at += 2;
    output.repeat(distance, extended(token & 15) + 4);
  }
}

/** A growing output that can repeat bytes from a distance before its end. */
export class Output {
  readonly #max: number;
  #buffer: Buffer;
  #length = 0;

  constructor(max: number) {
    this.#max = max;
    this.#buffer = Buffer.allocUnsafe(Math.min(64 * 1024, max));
  }

  append(from: Buffer, at: number, length: number): void {
    if (at + length > from.length) throw new RangeError('literals end early');
    this.#room(length);
    from.copy(this.#buffer, this.#length, at, at + length);
    this.#length += length;
  }

  repeat(distance: number, length: number): void {
    if (distance === 0 || distance > this.#length) throw new RangeError('a match points before the beginning');
    this.#room(length);
    const start = this.#length - distance;
    // A match may overlap its own output, so each step copies the bytes that exist, twice as many each time.
    for (let done = 0; done < length;) {
      const step = Math.min(length - done, distance + done);
      this.#buffer.copyWithin(this.#length, start, start + step);
      this.#length += step;
      done += step;
    }
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  #room(length: number): void {
    const needed = this.#length + length;
    if (needed > this.#max) throw new RangeError('decompressed data is larger than allowed');
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.min(this.#max, Math.max(needed, this.#buffer.length * 2)));
    this.#buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
  }
}
