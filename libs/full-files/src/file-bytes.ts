/** A file, wherever it is kept. */
export interface FileBytes {
  /** Names it in texts. */
  readonly name: string;
  /** Its content from the first byte on, not compressed. It may be read more than once. */
  bytes(): AsyncIterable<Uint8Array>;
}
