/** What a record has, before it is appended (a text or bytes) and after it was read (bytes). */
interface Valued {
  readonly value: string | Uint8Array;
}

/** The bytes as a Buffer. It is no copy, because values have up to megabytes. */
export function bufferOf(bytes: string | Uint8Array): Buffer {
  if (typeof bytes === 'string') return Buffer.from(bytes);
  // Most are Buffers already, and another one of the same bytes is garbage soon.
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The value of a record as text. */
export const textOf = ({ value }: Valued): string => (typeof value === 'string' ? value : bufferOf(value).toString());

/** The JSON of a record, unchecked: for our own events. Throws when the value is no JSON. */
export const dataOf = <T>(record: Valued): T => JSON.parse(textOf(record)) as T;

/** The data of a record that is skipped if it cannot be read; undefined then. */
export function readableData<T extends object>(record: Valued): T | undefined {
  try {
    const data = dataOf<unknown>(record);
    return typeof data === 'object' && data !== null ? (data as T) : undefined;
  } catch {
    return undefined;
  }
}
