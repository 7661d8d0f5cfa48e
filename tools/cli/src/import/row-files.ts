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
/** Members whose opt-outs a full file lacks. */
export const absentOf = (file: string): string => `${stem(file)}.absent.txt`;
export const outcomesOf = (file: string): string => `${stem(file)}.outcomes.ndjson`;
/** A name that no file has: somebody may be correcting the refused rows of an earlier run. */
export function refusedOf(file: string): string {
  for (let nth = 1; ; nth += 1) {
    const name = `${stem(file)}.refused${nth === 1 ? '' : `-${nth}`}.csv`;
    // A link that leads nowhere is there too.
    if (lstatSync(name, { throwIfNoEntry: false }) === undefined) return name;
  }
}
