import { lstatSync } from 'node:fs';
import { LineFile } from '@provider-access/full-files';
import { openOwn, refuseLink } from '../own-file.ts';

/**
 * A file of lines for its owner alone. It appears with the first line.
 * @throws CliError at once if the file would be written through a link, and later if it cannot be written
 */
export function ownLines(path: string): LineFile {
  refuseLink(path);
  return new LineFile(path, openOwn);
}

/** `roster.csv.gz` -> `roster` */
const stem = (file: string): string => file.replace(/\.gz$/, '').replace(/\.(csv|txt|tsv)$/, '');
/** Opt-outs that a full file lacks. A person may be marking an earlier one, so it is never overwritten. */
export const absentOf = (file: string): string => freshName(file, 'absent');
export const outcomesOf = (file: string): string => `${stem(file)}.outcomes.ndjson`;
/** Somebody may be correcting the refused rows of an earlier run, so it is never overwritten. */
export const refusedOf = (file: string): string => freshName(file, 'refused');
/** A name that no file has. */
function freshName(file: string, what: string): string {
  for (let nth = 1; ; nth += 1) {
    const name = `${stem(file)}.${what}${nth === 1 ? '' : `-${nth}`}.csv`;
    // A link that leads nowhere is there too.
    if (lstatSync(name, { throwIfNoEntry: false }) === undefined) return name;
  }
}
