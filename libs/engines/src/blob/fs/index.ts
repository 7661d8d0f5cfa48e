import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { blobName, blobPrefix } from '../name.ts';
import { BlobStoreFull, type BlobInfo, type Blobs } from '../port.ts';
import { OpenWriter } from '../writer.ts';
import { BLOCKING, type FileCalls, WAITING } from './file-calls.ts';
import { Syncs } from './syncs.ts';

/** Default of `reserveBytes`. */
export const RESERVE_BYTES = 64 * 1024 * 1024;

export interface FsBlobOptions {
  readonly root: string;
  /**
   * Bytes of the disk that stay free for the log on the same disk. With less free space every write is refused with
   * BlobStoreFull. Default 64 MiB.
   */
  readonly reserveBytes?: number;
  /** For a thread that only writes files: it makes short calls of the system itself. Default false. */
  readonly ownThread?: boolean;
}

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
async function orFull<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!FULL.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new BlobStoreFull('the disk of the file store is full');
  }
}
const missing = (error: unknown): undefined => {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
  throw error;
};
/** Most folders are there, so it makes the folder only if `work` does not find it. */
async function inFolder<T>(folder: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    await mkdir(folder, { recursive: true });
    return work();
  }
}

/** How many bytes are written between two checks of the free space. */
const CHECK_EVERY = 32 * 1024 * 1024;

class FsWriter extends OpenWriter {
  readonly #store: FsBlobs;
  readonly #temporary: string;
  /** Undefined after its end. The system gives its number to another file then. */
  #fd: number | undefined;
  #unchecked = 0;
  constructor(store: FsBlobs, name: string, temporary: string, fd: number) {
    super(name);
    this.#store = store;
    this.#temporary = temporary;
    this.#fd = fd;
  }

  protected async add(chunk: Uint8Array): Promise<void> {
    const { calls } = this.#store;
    this.#unchecked += chunk.byteLength;
    if (this.#unchecked >= CHECK_EVERY) {
      this.#unchecked = 0;
      await this.#store.ensureRoom();
    }
    await orFull(async () => {
      for (let at = 0; at < chunk.byteLength;) at += await calls.write(this.#fd!, chunk, at);
    });
  }

  protected async finish(): Promise<void> {
    const { calls, syncs } = this.#store;
    const path = this.#store.path(this.name);
    const folder = dirname(path);
    await orFull(async () => {
      await syncs.file(this.#fd!);
      await this.#close();
      await inFolder(folder, () => calls.rename(this.#temporary, path));
    });
    await syncs.folder(folder);
  }

  protected async discard(): Promise<void> {
    await this.#close().catch(() => undefined);
    await rm(this.#temporary, { force: true });
  }

  async #close(): Promise<void> {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) await this.#store.calls.close(fd);
  }
}

class FsBlobs implements Blobs {
  readonly remote: Blobs['remote'];
  readonly calls: FileCalls;
  readonly syncs: Syncs;
  readonly #root: string;
  readonly #reserve: number;
  constructor(options: FsBlobOptions) {
    this.#root = options.root;
    this.#reserve = options.reserveBytes ?? RESERVE_BYTES;
    this.calls = options.ownThread === true ? BLOCKING : WAITING;
    this.syncs = new Syncs(this.calls);
    const remote: FsBlobOptions = { root: options.root, reserveBytes: this.#reserve, ownThread: true };
    this.remote = { module: import.meta.url, options: remote };
  }

  path(name: string): string {
    return join(this.#root, blobName(name));
  }

  async ensureRoom(): Promise<void> {
    if ((await this.calls.free(this.#root)) < this.#reserve)
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
    const fd = await orFull(() =>
      inFolder(folder, async () => {
        await this.ensureRoom();
        return this.calls.open(temporary, 'wx');
      }),
    );
    return new FsWriter(this, name, temporary, fd);
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
