import { bufferOf } from '@provider-access/events';

const [QUOTE, BACKSLASH, CLOSING_BRACE] = [34, 92, 125];
/**
 * What JSON writes of each two bytes, of which the lower one comes first: the same, with a backslash before each that
 * needs one. No byte of JSON is 0, so the zero bytes at the top say how many the others are.
 */
let pairs: Int32Array | undefined;
function pairsMade(): Int32Array {
  const made = new Int32Array(0x1_0000);
  for (let pair = 0; pair < made.length; pair++) {
    const [first, second] = [pair & 0xff, pair >> 8];
    const [one, two] = [escaped(first), escaped(second)];
    made[pair] = one | (two << (one > 0xff ? 16 : 8));
  }
  return made;
}
const escaped = (byte: number): number => (byte === QUOTE || byte === BACKSLASH ? BACKSLASH | (byte << 8) : byte);

/** Bytes are written here before they are copied, because their number is known only then. */
let scratch = Buffer.allocUnsafeSlow(64 * 1024);
let view = new DataView(scratch.buffer);
/** The text is copied here, because pairs of bytes are read where their address is even. */
let source = new Uint16Array(16 * 1024);
/** Bytes. A larger one is not kept for the next call. */
const MOST_KEPT = 1024 * 1024;

/**
 * What JSON.stringify writes of `{ ...members, [name]: text }`, as bytes. `members` has one member at least. It writes
 * the text faster, because a JSON text has nothing but quotation marks and backslashes to escape.
 * @param json the text: bytes of JSON as JSON.stringify writes it
 */
export const jsonWith = (members: object, name: string, json: Uint8Array): Buffer =>
  jsonAfter(JSON.stringify(members), name, json);

/** The same, with the members as JSON.stringify writes them, in memory of `values` if given. */
export function jsonAfter(members: string, name: string, json: Uint8Array, values?: ValueRoom): Buffer {
  const start = `${members.slice(0, -1)},"${name}":"`;
  const { byteLength } = json;
  // A pair is written as four bytes.
  const most = 3 * start.length + 2 * byteLength + 4;
  let [room, bytes, text] = [scratch, view, source];
  if (most > room.length) {
    room = Buffer.allocUnsafeSlow(most);
    bytes = new DataView(room.buffer);
    // So large that each text fits for which the room is large enough.
    text = new Uint16Array(most >> 2);
    if (most <= MOST_KEPT) [scratch, view, source] = [room, bytes, text];
  }
  new Uint8Array(text.buffer).set(json);
  let end = writePairs(text, byteLength >> 1, bytes, room.write(start));
  if (byteLength % 2 === 1) {
    const last = json[byteLength - 1]!;
    if (last === QUOTE || last === BACKSLASH) room[end++] = BACKSLASH;
    room[end++] = last;
  }
  room[end++] = QUOTE;
  room[end++] = CLOSING_BRACE;
  const written = values?.allocated(end) ?? Buffer.allocUnsafeSlow(end);
  room.copy(written, 0, 0, end);
  return written;
}

/** No processor predicts where quotation marks come, so each pair takes the same steps, without a branch. */
function writePairs(text: Uint16Array, count: number, room: DataView, from: number): number {
  const table = (pairs ??= pairsMade());
  let end = from;
  for (let at = 0; at < count; at++) {
    const written = table[text[at]!]!;
    room.setInt32(end, written, true);
    end += 4 - (Math.clz32(written) >> 3);
  }
  return end;
}

/**
 * Bytes of a slab, which values share. A buffer for each value is an object more for the garbage collector. A larger
 * slab would be a mapping of memory of its own (glibc).
 */
const SLAB_BYTES = 56 * 1024;
/** Slabs that wait for their next use: those of a few batches. */
const MOST_FREE = 64;
const free: Buffer[] = [];

/** Memory for the values of a batch, which is used again. */
export class ValueRoom {
  #slabs: Buffer[] = [];
  #used = SLAB_BYTES;

  allocated(bytes: number): Buffer {
    if (bytes > SLAB_BYTES / 4) return Buffer.allocUnsafeSlow(bytes);
    if (this.#used + bytes > SLAB_BYTES) {
      this.#slabs.push(free.pop() ?? Buffer.allocUnsafeSlow(SLAB_BYTES));
      this.#used = 0;
    }
    return this.#slabs[this.#slabs.length - 1]!.subarray(this.#used, (this.#used += bytes));
  }

  /** Call this when nobody needs the values: the log has them. A value that is read later is empty. */
  release(): void {
    for (const { buffer } of this.#slabs)
      if (free.length < MOST_FREE) free.push(bufferOf(new Uint8Array((buffer as ArrayBuffer).transfer())));
    this.#slabs = [];
    this.#used = SLAB_BYTES;
  }
}
