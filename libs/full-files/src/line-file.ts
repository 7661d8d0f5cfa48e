import { closeSync, createReadStream, openSync, writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

const BUFFER = 64 * 1024;

/** A new file for its owner alone. */
const newFile = (path: string): number => openSync(path, 'wx', 0o600);

/** A file of lines. It appears with the first line, and its memory is bounded on a slow disk. */
export class LineFile {
  readonly path: string;
  readonly #open: (path: string) => number;
  #descriptor: number | undefined;
  #buffer = '';
  /** @param open opens it for writing; default: as a new file for its owner alone */
  constructor(path: string, open: (path: string) => number = newFile) {
    this.path = path;
    this.#open = open;
  }
  get written(): boolean {
    return this.#descriptor !== undefined;
  }
  /** @throws if the file cannot be written */
  add(line: string): void {
    this.#descriptor ??= this.#open(this.path);
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

/** The lines of a file that `LineFile` wrote. */
export const linesOf = (path: string): AsyncIterable<string> =>
  createInterface({ input: createReadStream(path), crlfDelay: Infinity });
