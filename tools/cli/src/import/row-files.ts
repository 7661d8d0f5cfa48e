import { closeSync, lstatSync, writeSync } from 'node:fs';
import { openOwn, refuseLink } from '../own-file.ts';

const BUFFER = 64 * 1024;

/** A file of lines for its owner alone. It appears with the first line, and its memory is bounded on a slow disk. */
export class LineFile {
  readonly path: string;
  #descriptor: number | undefined;
  #buffer = '';
  /** @throws CliError at once if the file would be written through a link */
  constructor(path: string) {
    refuseLink(path);
    this.path = path;
  }
  get written(): boolean {
    return this.#descriptor !== undefined;
  }
  /** @throws CliError if the file cannot be written */
  add(line: string): void {
    this.#descriptor ??= openOwn(this.path);
    this.#buffer += `${line}\n`;
    if (this.#buffer.length >= BUFFER) this.#flush();
  }
  end(): void {
    if (this.#descriptor === undefined) return;
    this.#flush();
    closeSync(this.#descriptor);
  }
  #flush(): void {
    writeSync(this.#descriptor!, this.#buffer);
    this.#buffer = '';
  }
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
