import { Output } from './lz4.ts';

/** Magic bytes of snappy-java's stream. Two int32 of versions follow, then blocks, each after an int32 length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER = 16;

/**
 * Decodes Snappy (https://github.com/google/snappy/blob/main/format_description.txt) as Kafka's producers write it: one
 * block, or snappy-java's stream of blocks. Throws RangeError if the input is neither or the output exceeds `max`.
 */
export function decodeSnappy(input: Buffer, max: number): Buffer {
  const output = new Output(max);
  if (!input.subarray(0, XERIAL.length).equals(XERIAL)) {
    decodeBlock(input, output, max);
    return output.bytes();
  }
  for (let at = XERIAL_HEADER; at < input.length;) {
    const length = input.readInt32BE(at);
    at += 4;
    if (length < 0 || at + length > input.length) throw new RangeError('a Snappy block ends early');
    decodeBlock(input.subarray(at, at + length), output, max);
    at += length;
  }
  return output.bytes();
}

function decodeBlock(input: Buffer, output: Output, max: number): void {
  let at = 0;
  let size = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = input[at++];
    if (byte === undefined || shift > 28) throw new RangeError('not a Snappy block');
    size += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (size > max) throw new RangeError('decompressed data is larger than allowed');
  const before = output.bytes().length;
  while (at < input.length) {
    const tag = input[at++]!;
    const kind = tag & 3;
    if (kind === 0) {
      let length = (tag >> 2) + 1;
      if (length > 60) {
        const bytes = length - 60;
        length = input.readUIntLE(at, bytes) + 1;
        at += bytes;
      }
      output.append(input, at, length);
      at += length;
    } else if (kind === 1) {
      output.repeat(((tag >> 5) << 8) | input[at++]!, ((tag >> 2) & 7) + 4);
    } else {
      const bytes = kind === 2 ? 2 : 4;
      output.repeat(input.readUIntLE(at, bytes), (tag >> 2) + 1);
      at += bytes;
    }
  }
  if (output.bytes().length - before !== size) throw new RangeError('a Snappy block of another size than it says');
}
