import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, lutimesSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** Seconds since 1970 that every file is given; SOURCE_DATE_EPOCH sets another (reproducible-builds.org). */
const EPOCH = 315_532_800;

export interface Sealed { readonly files: number; readonly bytes: number; /** SHA-256 over paths, modes and contents. */ readonly digest: string }

/** Gives everything below `root` one time, folders their mode, and says what it is: the same inputs have the same digest. */
export function seal(root: string, keep: ReadonlySet<string>): Sealed {
  const time = Number(process.env['SOURCE_DATE_EPOCH'] ?? EPOCH);
  if (!Number.isSafeInteger(time) || time < 0) throw new Error('SOURCE_DATE_EPOCH: must be seconds since 1970');
  const hash = createHash('sha256');
  let files = 0;
  let bytes = 0;
  const visit = (at: string): void => {
    const path = join(root, at);
    const stat = lstatSync(path);
    if (stat.isDirectory()) {
      if (!keep.has(at)) chmodSync(path, 0o755);
      for (const name of readdirSync(path).sort()) visit(at === '' ? name : `${at}/${name}`);
    }
    const content = stat.isSymbolicLink() ? readlinkSync(path) : stat.isFile() ? readFileSync(path) : '';
    hash.update(`${at}\0${lstatSync(path).mode.toString(8)}\0${content.length}\0`).update(content);
    if (stat.isFile()) {
      files += 1;
      bytes += stat.size;
    }
    lutimesSync(path, time, time);
  };
  visit('');
  return { files, bytes, digest: hash.digest('hex') };
}
