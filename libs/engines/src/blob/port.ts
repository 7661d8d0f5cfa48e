import type { Readable } from 'node:stream';

/** Files (part files, indexes, plans) with names `a/b/c`. An interrupted put is never visible. */
export interface BlobInfo {
  readonly name: string;
  readonly bytes: number;
}
export class BlobStoreFull extends Error {
  override readonly name = 'BlobStoreFull';
}
export interface BlobWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** Makes the file durable and visible, and replaces an existing one. */
  commit(): Promise<BlobInfo>;
  abort(): Promise<void>;
}
export interface Blobs {
  put(name: string, content: Uint8Array | string): Promise<BlobInfo>;
  writer(name: string): Promise<BlobWriter>;
  /** Undefined if there is no such file. */
  get(name: string): Promise<Uint8Array | undefined>;
  /** Bytes [start, end). Throws if the file does not exist. */
  range(name: string, start: number, end: number): Readable;
  list(prefix: string): AsyncIterable<BlobInfo>;
  deletePrefix(prefix: string): Promise<void>;
  /** For worker threads: a module that exports `openBlobs(options)`, and structured-clonable options. */
  readonly remote: { readonly module: string; readonly options: unknown };
}
