import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { blobName, blobPrefix } from '../name.ts';
import { BlobStoreFull, type BlobInfo, type Blobs } from '../port.ts';
import { OpenWriter } from '../writer.ts';
import { FolderSyncs } from './folder-syncs.ts';

/** Default of `reserveBytes`. */
export const RESERVE_BYTES = 64 * 1024 * 1024;

export interface FsBlobOptions {
  readonly root: string;
  /**
   * Bytes of the disk that stay free for the log on the same disk. With less free space every write is refused with
   * BlobStoreFull. Default 64 MiB.
   */
  readonly reserveBytes?: number;
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const asFull = (error: unknown): never => {
  if (FULL.has((error as NodeJS.ErrnoException).code ?? ''))
    throw new BlobStoreFull('the disk of the file store is full');
  throw error;
};
const missing = (error: unknown): undefined => {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
  throw error;
};
/** Most folders are there, so it makes the folder only if `work` does not find it. */
async function inFolder<T>(folder: string, work: () => Promise<T>): Promise<T> {
  return work().catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    await mkdir(folder, { recursive: true });
    return work();
  });
}

/** How many bytes are written between two checks of the free space. */
const CHECK_EVERY = 32 * 1024 * 1024;

class FsWriter extends OpenWriter {
  readonly #store: FsBlobs;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  #unchecked = 0;
  constructor(store: FsBlobs, name: string, temporary: string, handle: FileHandle) {
    super(name);
    this.#store = store;
    this.#temporary = temporary;
    this.#handle = handle;
  }

  protected async add(chunk: Uint8Array): Promise<void> {
    this.#unchecked += chunk.byteLength;
    if (this.#unchecked >= CHECK_EVERY) {
      this.#unchecked = 0;
      await this.#store.ensureRoom();
    }
    for (let at = 0; at < chunk.byteLength;) at += (await this.#handle.write(chunk, at).catch(asFull)).bytesWritten;
  }

  protected async finish(): Promise<void> {
    await this.#handle.sync().catch(asFull);
    await this.#handle.close();
    const path = this.#store.path(this.name);
    const folder = dirname(path);
    await inFolder(folder, () => rename(this.#temporary, path)).catch(asFull);
    await this.#store.folders.sync(folder);
  }

  protected async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#temporary, { force: true });
  }
}

class FsBlobs implements Blobs {
  readonly remote: Blobs['remote'];
  readonly folders = new FolderSyncs();
  readonly #root: string;
  readonly #reserve: number;
  constructor(options: FsBlobOptions) {
    this.#root = options.root;
    this.#reserve = options.reserveBytes ?? RESERVE_BYTES;
    this.remote = { module: import.meta.url, options: { root: options.root, reserveBytes: this.#reserve } };
  }

  path(name: string): string {
    return join(this.#root, blobName(name));
  }

  async ensureRoom(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#root);
    if (bavail * bsize < this.#reserve)
      throw new BlobStoreFull('the disk of the file store has no free space beyond its reserve');
  }

  async put(name: string, content: Uint8Array | string): Promise<BlobInfo> {
    return (await this.writer(name)).put(content);
  }

  async writer(name: string): Promise<FsWriter> {
    blobName(name);
    // Names never begin with a dot, so unfinished files can neither be read nor listed.
    const folder = join(this.#root, '.unfinished');
    const temporary = join(folder, randomBytes(12).toString('hex'));
    const handle = await inFolder(folder, async () => {
      await this.ensureRoom();
      return open(temporary, 'wx', 0o600);
    }).catch(asFull);
    return new FsWriter(this, name, temporary, handle);
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    return readFile(this.path(name)).catch(missing);
  }

  range(name: string, start: number, end: number): Readable {
    const path = this.path(name);
    if (end <= start) return Readable.from([]);
    // An open descriptor stays valid after a delete, so retention does not break a running download.
    return createReadStream(path, { start, end: end - 1, highWaterMark: 256 * 1024 });
  }

  async *list(prefix: string): AsyncIterable<BlobInfo> {
    yield* this.#walk(blobPrefix(prefix));
  }

  async *#walk(prefix: string): AsyncIterable<BlobInfo> {
    const entries = (await readdir(join(this.#root, prefix), { withFileTypes: true }).catch(missing)) ?? [];
    const sortable = entries
      .filter((e) => !e.name.startsWith('.'))
      .map((e) => (e.isDirectory() ? `${e.name}/` : e.name));
    for (const entry of sortable.sort((a, b) => (a < b ? -1 : 1))) {
      if (entry.endsWith('/')) yield* this.#walk(prefix + entry);
      else {
        const found = await stat(join(this.#root, prefix, entry)).catch(missing);
        if (found?.isFile()) yield { name: prefix + entry, bytes: found.size };
      }
    }
  }

  async deletePrefix(prefix: string): Promise<void> {
    if (blobPrefix(prefix) === '') throw new Error('deletePrefix needs a prefix: it does not empty the store');
    await rm(join(this.#root, prefix), { recursive: true, force: true });
  }
}

/** Files on local disk. A writer syncs a hidden file and renames it, so an interrupted put is never visible. */
export function openFsBlobs(options: FsBlobOptions): Blobs {
  return new FsBlobs(options);
}

/** @public a worker thread loads it by this name (`Blobs.remote`) */
export { openFsBlobs as openBlobs };

/**
 * Removes unfinished files of crashed writers. If other processes may be writing, give `olderThanMs`, and only files
 * without a write for this time are removed.
 */
export async function removeUnfinished(options: FsBlobOptions, olderThanMs?: number): Promise<void> {
  const folder = join(options.root, '.unfinished');
  if (olderThanMs === undefined) return rm(folder, { recursive: true, force: true });
  const before = Date.now() - olderThanMs;
  for (const name of await readdir(folder).catch(() => [])) {
    const file = join(folder, name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY })); // finished meanwhile
    if (mtimeMs < before) await rm(file, { force: true });
  }
}
