import { Readable } from 'node:stream';
import type { Blobs } from '@provider-access/engines/blob';

type BlobAction = 'put' | 'writer' | 'get' | 'range';
/** Called before each use of a file. It may wait, or throw an error of a disk. */
export type Interference = (action: BlobAction, name: string) => Promise<void> | void;

/** Wraps a blob store, and calls `interfere` before each use of a file. */
export function interfered(blobs: Blobs, interfere: Interference): Blobs {
  return {
    put: async (name, content) => {
      await interfere('put', name);
      return blobs.put(name, content);
    },
    writer: async (name) => {
      await interfere('writer', name);
      return blobs.writer(name);
    },
    get: async (name) => {
      await interfere('get', name);
      return blobs.get(name);
    },
    range: (name, start, end): Readable => {
      const waits = interfere('range', name);
      return waits === undefined
        ? blobs.range(name, start, end)
        : Readable.from(
            after(waits, () => blobs.range(name, start, end)),
            { objectMode: false },
          );
    },
    list: (prefix) => blobs.list(prefix),
    deletePrefix: (prefix) => blobs.deletePrefix(prefix),
    remote: blobs.remote,
  };
}

async function* after(waits: Promise<void>, open: () => Readable): AsyncGenerator<Uint8Array> {
  await waits;
  yield* open() as AsyncIterable<Uint8Array>;
}

/** A point at which work waits until the test opens it. */
export class Gate {
  #open!: () => void;
  #arrive!: () => void;
  readonly reached = new Promise<void>((resolve) => (this.#arrive = resolve));
  readonly #opened = new Promise<void>((resolve) => (this.#open = resolve));
  pass(): Promise<void> {
    this.#arrive();
    return this.#opened;
  }
  letThrough(): void {
    this.#open();
  }
}
