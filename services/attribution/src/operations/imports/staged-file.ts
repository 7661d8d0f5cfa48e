import { createReadStream, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { createGunzip } from 'node:zlib';
import type { FileBytes } from '@provider-access/full-files';
import { KEPT_MS, MOST_FILE_BYTES, MOST_ROWS, RunRefused } from './run.ts';

const PREFIX = 'pa-import-';
const NEW_LINE = 0x0a;
/** Few rows, because each chunk is parsed without a pause in a process that answers others meanwhile. */
const CHUNK_BYTES = 16 * 1024;

/**
 * The folder of one step of a run, on the disk of the process, for its owner alone. It has the file without
 * compression, and what the comparison sorts. Close it.
 */
export class Workplace {
  readonly folder = mkdtempSync(join(tmpdir(), PREFIX));
  readonly #file = join(this.folder, 'file');

  /**
   * Writes the file. A compressed one is recognised by its first bytes.
   * @throws RunRefused for one that is too large, which a small upload may become
   */
  async stage(parts: AsyncIterable<Uint8Array>): Promise<void> {
    const file = await open(this.#file, 'wx', 0o600);
    let [bytes, lines] = [0, 0];
    try {
      for await (const chunk of plain(parts)) {
        bytes += chunk.byteLength;
        for (let at = chunk.indexOf(NEW_LINE); at >= 0; at = chunk.indexOf(NEW_LINE, at + 1)) lines += 1;
        if (bytes > MOST_FILE_BYTES)
          throw new RunRefused({
            code: 'too-large',
            text: `The file has more than ${MOST_FILE_BYTES / 1024 / 1024} MiB without compression. Import it by pa.`,
          });
        if (lines > MOST_ROWS + 1)
          throw new RunRefused({
            code: 'too-many-rows',
            text: `The file has more than ${MOST_ROWS} lines. Import it by pa.`,
          });
        await file.write(chunk);
      }
    } finally {
      await file.close();
    }
  }

  /** The staged file. Reading it ends with an error when the signal does. */
  file(name: string, signal: AbortSignal): FileBytes {
    const path = this.#file;
    return { name, bytes: () => pausing(createReadStream(path, { highWaterMark: CHUNK_BYTES }), signal) };
  }
  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Lets other work of the process take its turn between two chunks. */
async function* pausing(chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    yield chunk;
    await turn();
  }
}

async function* plain(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const all = parts[Symbol.asyncIterator]();
  const first = await all.next();
  if (first.done === true) return;
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    yield first.value;
    for (;;) {
      const next = await all.next();
      if (next.done === true) return;
      yield next.value;
    }
  };
  if (first.value[0] !== 0x1f || first.value[1] !== 0x8b) return yield* rest();
  const source = Readable.from(rest(), { objectMode: false });
  const gunzip = createGunzip();
  let upload: unknown;
  source.on('error', (error) => {
    upload = error;
    gunzip.destroy(error);
  });
  try {
    yield* source.pipe(gunzip) as AsyncIterable<Uint8Array>;
  } catch (error) {
    if (upload !== undefined) throw upload;
    throw (error as NodeJS.ErrnoException).code?.startsWith('Z_') === true
      ? new RunRefused({ code: 'unreadable', text: 'The compressed file cannot be read to its end. It may be cut.' })
      : error;
  } finally {
    source.destroy();
    gunzip.destroy();
  }
}

/** Removes folders that a killed process left, when nothing of a file may stay any more. */
export function removeOldWorkplaces(now = Date.now()): void {
  for (const name of readdirSync(tmpdir()))
    if (name.startsWith(PREFIX)) {
      const folder = join(tmpdir(), name);
      const at = statSync(folder, { throwIfNoEntry: false })?.mtimeMs;
      if (at !== undefined && now - at > KEPT_MS) rmSync(folder, { recursive: true, force: true });
    }
}
