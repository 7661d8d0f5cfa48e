import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

export type Synced = (error: NodeJS.ErrnoException | null) => void;
/** What Node really does. */
export const fdatasync = fs.fdatasync;

/** Makes every later fsync of the log this one. Give `fdatasync` back at the end of a test. */
export function syncWith(fake: (descriptor: number, done: Synced) => void): void {
  fs.fdatasync = fake as typeof fs.fdatasync;
  syncBuiltinESMExports();
}

export const diskFault = (): NodeJS.ErrnoException =>
  Object.assign(new Error('EIO: i/o error, fdatasync'), { code: 'EIO' });
