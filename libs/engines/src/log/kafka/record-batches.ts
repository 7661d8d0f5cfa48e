/**
 * The records of a batch as bytes and back, in place of kafkajs's own functions (version 2.2.4 exactly). Those make a
 * buffer of 512 bytes for each record and for each header, grow the buffer of the batch by doubling, count in BigInt,
 * and copy the object of all headers for each next header. The bytes and the results are the same. Source: record
 * batches of version 2, https://kafka.apache.org/documentation/#recordbatch
 */

type Bytes = Buffer | string | null | undefined;
/** A record as kafkajs hands it to be encoded. */
export interface RecordToEncode {
  /** Its place in the batch. */
  readonly offsetDelta?: number;
  /** Its time minus the first time of the batch, ms. */
  readonly timestampDelta?: number;
  readonly key?: Bytes;
  readonly value?: Bytes;
  readonly headers?: Readonly<Record<string, Bytes | readonly Bytes[]>>;
}
/** What kafkajs knows of the batch of a record that it decodes. */
export interface BatchContext {
  readonly firstOffset: string;
  readonly firstTimestamp: string;
  readonly maxTimestamp?: string;
  readonly magicByte?: number;
  readonly isControlBatch?: boolean;
  readonly timestampType?: number;
}
/** A record as kafkajs hands it on. Offset and time are decimal texts. */
export interface DecodedRecord {
  readonly magicByte: number | undefined;
  readonly attributes: number;
  readonly timestamp: string;
  readonly offset: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Record<string, Buffer | null | (Buffer | null)[]>;
  readonly isControlRecord: boolean;
  readonly batchContext: BatchContext;
}
/** Bytes at a place, as kafkajs's decoder. */
export interface At {
  readonly buffer: Buffer;
  readonly offset: number;
}

const LOG_APPEND_TIME = 1;
/** A number of so many groups of seven bits is exact in a double. */
const EXACT_GROUPS = 7;

// Zigzag: 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4.
const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);
const unzigzag = (value: number): number => (value % 2 === 0 ? value / 2 : -(value + 1) / 2);

/** How many bytes a variable number takes. */
function sizeOf(value: number): number {
  let size = 1;
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

const lengthOf = (bytes: Bytes): number =>
  bytes === null || bytes === undefined ? -1 : typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length;

interface Piece {
  readonly bytes: Bytes;
  /** -1 if there are none. */
  readonly length: number;
}
const piece = (bytes: Bytes): Piece => ({ bytes, length: lengthOf(bytes) });
const sizeOfPiece = ({ length }: Piece): number => sizeOf(length) + Math.max(length, 0);

interface Measured {
  readonly timestampDelta: number;
  readonly offsetDelta: number;
  readonly key: Piece;
  readonly value: Piece;
  /** Names and values in turn. */
  readonly headers: readonly Piece[];
  /** Bytes behind the length of the record. */
  readonly size: number;
}

function measured({ offsetDelta = 0, timestampDelta = 0, key, value, headers = {} }: RecordToEncode): Measured {
  const pieces: Piece[] = [];
  for (const name of Object.keys(headers)) {
    const values = headers[name];
    for (const each of Array.isArray(values) ? (values as readonly Bytes[]) : [values as Bytes])
      pieces.push(piece(name), piece(each));
  }
  const [keyPiece, valuePiece] = [piece(key), piece(value)];
  // One byte of attributes.
  let size = 1 + sizeOf(timestampDelta) + sizeOf(offsetDelta) + sizeOfPiece(keyPiece) + sizeOfPiece(valuePiece);
  size += sizeOf(pieces.length / 2);
  for (const each of pieces) size += sizeOfPiece(each);
  return { timestampDelta, offsetDelta, key: keyPiece, value: valuePiece, headers: pieces, size };
}

/**
 * The records one behind the other, as a batch has them before it is compressed.
 * @param memory makes a buffer of so many bytes
 */
export function encodeRecords(
  records: readonly RecordToEncode[],
  memory: (bytes: number) => Buffer<ArrayBuffer> = Buffer.allocUnsafe,
): Buffer<ArrayBuffer> {
  const all = records.map(measured);
  const buffer = memory(all.reduce((sum, { size }) => sum + sizeOf(size) + size, 0));
  let at = 0;
  const number = (value: number): void => {
    let rest = zigzag(value);
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) buffer[at++] = (rest % 0x80) | 0x80;
    buffer[at++] = rest;
  };
  const bytes = ({ bytes: what, length }: Piece): void => {
    number(length);
    if (length <= 0) return;
    if (typeof what === 'string') buffer.write(what, at, length, length === what.length ? 'latin1' : 'utf8');
    else what!.copy(buffer, at);
    at += length;
  };
  for (const { size, timestampDelta, offsetDelta, key, value, headers } of all) {
    number(size);
    buffer[at++] = 0;
    number(timestampDelta);
    number(offsetDelta);
    bytes(key);
    bytes(value);
    number(headers.length / 2);
    for (const each of headers) bytes(each);
  }
  return buffer;
}

/**
 * The record whose bytes begin behind its length. Undefined for one that needs more than doubles: then kafkajs decodes
 * it. The parts are views of the same bytes.
 */
export function decodeRecord({ buffer, offset: begin }: At, context: BatchContext): DecodedRecord | undefined {
  const { firstOffset, firstTimestamp, maxTimestamp, magicByte, isControlBatch = false, timestampType } = context;
  let at = begin;
  const attributes = buffer.readInt8(at++);
  let exact = true;
  const number = (): number => {
    let value = 0;
    let unit = 1;
    for (let groups = 1; ; groups++) {
      const byte = buffer[at++];
      // kafkajs takes bytes behind the end for zero.
      if (byte === undefined) break;
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) break;
      unit *= 0x80;
      if (groups === EXACT_GROUPS) {
        exact = false;
        break;
      }
    }
    return unzigzag(value);
  };
  const bytes = (): Buffer | null => {
    const length = number();
    if (length === -1) return null;
    const found = buffer.subarray(at, at + length);
    at += length;
    return found;
  };
  const time = Number(firstTimestamp) + number();
  const offset = Number(firstOffset) + number();
  const key = bytes();
  const value = bytes();
  const headers: DecodedRecord['headers'] = {};
  const count = number();
  for (let i = 0; exact && i < count; i++) {
    const length = number();
    const name = length === -1 ? 'null' : buffer.toString('utf8', at, at + length);
    if (length !== -1) at += length;
    add(headers, name, bytes());
  }
  if (!exact || !Number.isSafeInteger(time) || !Number.isSafeInteger(offset)) return undefined;
  const timestamp = timestampType === LOG_APPEND_TIME && maxTimestamp ? maxTimestamp : String(time);
  return {
    magicByte,
    attributes,
    timestamp,
    offset: String(offset),
    key,
    value,
    headers,
    isControlRecord: isControlBatch,
    batchContext: context,
  };
}

/** Equal names become a list. A payer chooses the names, so one may be `__proto__`. */
function add(headers: DecodedRecord['headers'], name: string, value: Buffer | null): void {
  const known = Object.hasOwn(headers, name) ? headers[name] : undefined;
  const now = known === undefined ? value : Array.isArray(known) ? [...known, value] : [known, value];
  if (name === '__proto__')
    Object.defineProperty(headers, name, { value: now, enumerable: true, configurable: true, writable: true });
  else headers[name] = now;
}
