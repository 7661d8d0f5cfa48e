import { bufferOf } from '@provider-access/events';

const [QUOTE, BACKSLASH, CLOSING_BRACE] = [34, 92, 125];
/** Backslashes before each byte: 1 before those that a text of JSON escapes, of the bytes that JSON has. */
const ESCAPES = new Uint8Array(256);
ESCAPES[QUOTE] = ESCAPES[BACKSLASH] = 1;

/** Bytes are written here before they are copied, because their number is known only then. */
let scratch = Buffer.allocUnsafeSlow(64 * 1024);
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
  const most = 3 * start.length + 2 * byteLength + 2;
  const room = most <= scratch.length ? scratch : Buffer.allocUnsafeSlow(most);
  if (room !== scratch && most <= MOST_KEPT) scratch = room;
  let end = room.write(start);
  for (let at = 0; at < byteLength; at++) {
    const byte = json[at]!;
    // The next byte replaces a backslash that does not count. No processor predicts where quotation marks come.
    room[end] = BACKSLASH;
    end += ESCAPES[byte]!;
    room[end++] = byte;
  }
  room[end++] = QUOTE;
  room[end++] = CLOSING_BRACE;
  const written = values?.allocated(end) ?? Buffer.allocUnsafeSlow(end);
  room.copy(written, 0, 0, end);
  return written;
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
