import { chmodSync, closeSync, existsSync, openSync, writeSync } from 'node:fs';
import { CliError, EXIT } from '../output.ts';

const BUFFER = 64 * 1024;

/** A file of lines for its owner alone. It appears with the first line, and its memory is bounded on a slow disk. */
export class LineFile {
  readonly path: string;
  private descriptor: number | undefined;
  private buffer = '';
  constructor(path: string) {
    this.path = path;
  }
  get written(): boolean {
    return this.descriptor !== undefined;
  }
  /** @throws CliError if the file cannot be written */
  add(line: string): void {
    this.descriptor ??= this.open();
    this.buffer += `${line}\n`;
    if (this.buffer.length >= BUFFER) this.flush();
  }
  end(): void {
    if (this.descriptor === undefined) return;
    this.flush();
    closeSync(this.descriptor);
  }
  private open(): number {
    try {
      const descriptor = openSync(this.path, 'w', 0o600);
      chmodSync(this.path, 0o600);
      return descriptor;
    } catch (error) {
      throw new CliError(EXIT.usage, `${this.path} cannot be written (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  private flush(): void {
    writeSync(this.descriptor!, this.buffer);
    this.buffer = '';
  }
}

/** `roster.csv.gz` -> `roster` */
const stem = (file: string): string => file.replace(/\.gz$/, '').replace(/\.(csv|txt|tsv)$/, '');
export const outcomesOf = (file: string): string => `${stem(file)}.outcomes.ndjson`;
/** A name that no file has: somebody may be correcting the refused rows of an earlier run. */
export function refusedOf(file: string): string {
  for (let nth = 1; ; nth += 1) {
    const name = `${stem(file)}.refused${nth === 1 ? '' : `-${nth}`}.csv`;
    if (!existsSync(name)) return name;
  }
}
