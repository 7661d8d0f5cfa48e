import { bufferOf } from '@provider-access/events';

const [QUOTE, BACKSLASH] = [34, 92];
/** A space and a tilde. */
const [FIRST_PLAIN, LAST_PLAIN] = [32, 126];
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

/** Bytes of memory that is made first, and most of what is kept for the next value. */
const [FIRST, MOST_KEPT] = [64 * 1024, 1024 * 1024];

/**
 * Writes one JSON value after another, as bytes. It joins no texts, because a record has some twenty, and their joined
 * forms were the largest part of what intake leaves to the garbage collector. The caller calls `start` and `done` for
 * each value.
 */
export class JsonBytes {
  /** Bytes are written here before they are copied, because their number is known only then. */
  #room = Buffer.allocUnsafeSlow(FIRST);
  #view = new DataView(this.#room.buffer);
  #end = 0;
  /** A JSON text is copied here, because pairs of bytes are read where their address is even. */
  #source = Buffer.allocUnsafeSlow(FIRST);
  #pairs = new Uint16Array(this.#source.buffer);

  /** Forgets what a value that failed has left. */
  start(): void {
    this.#end = 0;
  }

  /** Writes JSON as it is. */
  raw(json: string): void {
    this.#reserve(3 * json.length);
    this.#end += this.#room.write(json, this.#end);
  }

  /** Writes short JSON without characters beyond ASCII, such as the name of a member. */
  ascii(json: string): void {
    this.#reserve(json.length);
    const room = this.#room;
    let end = this.#end;
    for (let at = 0; at < json.length; at++) room[end++] = json.charCodeAt(at);
    this.#end = end;
  }

  /** Writes what JSON.stringify writes of a text. */
  text(text: string): void {
    const { length } = text;
    this.#reserve(length + 2);
    const room = this.#room;
    let end = this.#end;
    room[end++] = QUOTE;
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at);
      // It needs an escape, or more bytes than one.
      if (code < FIRST_PLAIN || code > LAST_PLAIN || code === QUOTE || code === BACKSLASH)
        return this.raw(JSON.stringify(text));
      room[end++] = code;
    }
    room[end++] = QUOTE;
    this.#end = end;
  }

  /**
   * Writes a text that is JSON itself. This is faster than JSON.stringify: a JSON text has nothing but quotation
   * marks and backslashes to escape.
   * @param json bytes of JSON as JSON.stringify writes it
   */
  quoted(json: Uint8Array): void {
    const { byteLength } = json;
    // A pair is written as four bytes.
    this.#reserve(2 * byteLength + 4);
    if (byteLength > this.#source.byteLength) this.#readFrom(Buffer.allocUnsafeSlow(2 * byteLength));
    this.#source.set(json);
    const room = this.#room;
    room[this.#end] = QUOTE;
    let end = writePairs(this.#pairs, byteLength >> 1, this.#view, this.#end + 1);
    if (byteLength % 2 === 1) {
      const last = json[byteLength - 1]!;
      if (last === QUOTE || last === BACKSLASH) room[end++] = BACKSLASH;
      room[end++] = last;
    }
    room[end++] = QUOTE;
    this.#end = end;
  }

  /** The value, in memory of `values` if given. */
  done(values?: ValueRoom): Buffer {
    const end = this.#end;
    const written = values?.allocated(end) ?? Buffer.allocUnsafeSlow(end);
    this.#room.copy(written, 0, 0, end);
    if (this.#room.byteLength > MOST_KEPT) this.#writeInto(Buffer.allocUnsafeSlow(FIRST));
    if (this.#source.byteLength > MOST_KEPT) this.#readFrom(Buffer.allocUnsafeSlow(FIRST));
    return written;
  }

  #reserve(bytes: number): void {
    const least = this.#end + bytes;
    if (least <= this.#room.byteLength) return;
    const larger = Buffer.allocUnsafeSlow(2 * least);
    this.#room.copy(larger, 0, 0, this.#end);
    this.#writeInto(larger);
  }
  #writeInto(room: Buffer<ArrayBuffer>): void {
    this.#room = room;
    this.#view = new DataView(room.buffer);
  }
  #readFrom(source: Buffer<ArrayBuffer>): void {
    this.#source = source;
    this.#pairs = new Uint16Array(source.buffer);
  }
}

const bytes = new JsonBytes();
/** What JSON.stringify writes of `{ ...members, [name]: text }`, as bytes. `members` has one member at least. */
export function jsonWith(members: object, name: string, json: Uint8Array): Buffer {
  bytes.start();
  bytes.raw(`${JSON.stringify(members).slice(0, -1)},"${name}":`);
  bytes.quoted(json);
  bytes.ascii('}');
  return bytes.done();
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
