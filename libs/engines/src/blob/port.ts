import type { Readable } from 'node:stream';

/** Files (part files, indexes, plans). A name is `a/b/c`; a put that is interrupted is never visible. */
export interface BlobInfo {
  readonly name: string;
  readonly bytes: number;
}
export class BlobStoreFull extends Error {
  override readonly name = 'BlobStoreFull';
}
export interface BlobWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** Durable and visible, replacing what was there. */
  commit(): Promise<BlobInfo>;
  abort(): Promise<void>;
}
export interface Blobs {
  put(name: string, content: Uint8Array | string): Promise<BlobInfo>;
  writer(name: string): Promise<BlobWriter>;
  /** undefined when there is none. */
  get(name: string): Promise<Uint8Array | undefined>;
  stat(name: string): Promise<BlobInfo | undefined>;
  /** Bytes [start, end). Throws when the blob is gone. */
  range(name: string, start: number, end: number): Readable;
  list(prefix: string): AsyncIterable<BlobInfo>;
  delete(name: string): Promise<void>;
  deletePrefix(prefix: string): Promise<void>;
  /** For worker threads: module exporting `openBlobs(options)`, and structured-clonable options. */
  readonly remote: { readonly module: string; readonly options: unknown };
}
