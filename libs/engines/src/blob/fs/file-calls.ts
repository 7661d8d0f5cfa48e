import * as fs from 'node:fs';
import { promisify } from 'node:util';

/** Calls of the system for writers of files. An `fsync` never blocks the thread, because it may wait for the disk. */
export interface FileCalls {
  /** @param flags as those of `fs.open` */
  open(path: string, flags: string): number | Promise<number>;
  /** Resolves with the number of written bytes. */
  write(fd: number, chunk: Uint8Array, from: number): number | Promise<number>;
  fsync(fd: number): Promise<void>;
  close(fd: number): void | Promise<void>;
  rename(from: string, to: string): void | Promise<void>;
  /** The free bytes of the disk. */
  free(path: string): number | Promise<number>;
}

const MODE = 0o600;
const freeOf = ({ bavail, bsize }: fs.StatsFs): number => bavail * bsize;
const fsync = promisify(fs.fsync);
const open = promisify(fs.open);
const write = promisify(fs.write);
const statfs = promisify<string, fs.StatsFs>(fs.statfs);

/** For a thread that serves requests. Each call is one of the threads for files. */
export const WAITING: FileCalls = {
  open: (path, flags) => open(path, flags, MODE),
  write: async (fd, chunk, from) => (await write(fd, chunk, from)).bytesWritten,
  fsync,
  close: promisify(fs.close),
  rename: promisify(fs.rename),
  free: async (path) => freeOf(await statfs(path)),
};

/**
 * For a thread that only writes files. A call takes microseconds there, and handing it to another thread costs more
 * than the call.
 */
export const BLOCKING: FileCalls = {
  open: (path, flags) => fs.openSync(path, flags, MODE),
  write: (fd, chunk, from) => fs.writeSync(fd, chunk, from),
  fsync,
  close: fs.closeSync,
  rename: fs.renameSync,
  free: (path) => freeOf(fs.statfsSync(path)),
};
