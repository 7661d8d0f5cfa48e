/** UTF-8 has at most so many bytes for a unit of a string. */
const UNIT_BYTES = 3;

/**
 * Lines as the bytes of a request. All requests use the same memory, one after the other: a joined text of eight
 * megabytes for each of them would be written twice more. So a request must have its answer before the next one.
 */
export class LinesBody {
  #bytes = Buffer.alloc(0);

  /** The lines, each with its end. The bytes are valid until the next call. */
  of(lines: readonly { readonly line: string }[]): Uint8Array {
    let units = 0;
    for (const { line } of lines) units += line.length + 1;
    // Only memory that is written counts, so that the reserve for other alphabets costs nothing.
    if (this.#bytes.length < units * UNIT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(units * UNIT_BYTES);
    let end = 0;
    for (const { line } of lines) {
      end += this.#bytes.write(line, end);
      this.#bytes[end] = 10;
      end += 1;
    }
    return this.#bytes.subarray(0, end);
  }
}
