/** What the synchronous functions of `node:zlib` use of a stream. Node does not document it, so it may be absent. */
interface Internals {
  readonly _handle?: {
    writeSync?(
      flush: number,
      from: Uint8Array,
      fromAt: number,
      fromBytes: number,
      to: Uint8Array,
      toAt: number,
      toBytes: number,
    ): void;
  };
  /** After a call: the bytes of `to` and of `from` that are left. */
  readonly _writeState?: Uint32Array;
}
/** Writes so many bytes. @returns the length of the result in `to`; undefined if not all could be written */
export type WholeWrite = (from: Uint8Array, bytes: number, to: Uint8Array) => number | undefined;

/**
 * Whole texts by one call each of a stream of `node:zlib` that is kept. The synchronous functions of `node:zlib` make a
 * context and its memory for each call, and with the settings of `npm start` that memory is new pages.
 * @param flush the flush constant with which each text ends
 * @returns undefined if Node has no such internals
 */
export function wholeWriterOf(stream: object, flush: number): WholeWrite | undefined {
  const { _handle: handle, _writeState: left } = stream as Internals;
  if (typeof handle?.writeSync !== 'function' || !(left instanceof Uint32Array)) return undefined;
  const call = handle as Required<typeof handle>;
  return (from, bytes, to) => {
    // A call that fails does not change it.
    left[1] = bytes + 1;
    call.writeSync(flush, from, 0, bytes, to, 0, to.byteLength);
    return left[1] === 0 ? to.byteLength - left[0]! : undefined;
  };
}
