import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, lutimesSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The time of a release, seconds since 1970, from SOURCE_DATE_EPOCH (reproducible-builds.org); undefined without it.
 */
export function releaseTime(): number | undefined {
  const epoch = process.env['SOURCE_DATE_EPOCH'];
  if (epoch === undefined || epoch === '') return undefined;
  const seconds = Number(epoch);
  if (!Number.isSafeInteger(seconds) || seconds < 0) throw new Error('SOURCE_DATE_EPOCH: must be seconds since 1970');
  return seconds;
}
/** The time of files without a release time. Archives know no earlier time. */
const FIRST = Date.UTC(1980, 0, 1) / 1000;

export interface Sealed {
  readonly files: number;
  readonly bytes: number;
  /** SHA-256 over paths, modes and contents. */
  readonly digest: string;
}

/**
 * Gives everything below `root` one time and folders their mode, and returns a digest. The same inputs give the same
 * digest.
 */
export function seal(root: string, keep: ReadonlySet<string>): Sealed {
  const time = releaseTime() ?? FIRST;
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
