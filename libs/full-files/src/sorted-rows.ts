import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LineFile, linesOf } from './line-file.ts';

/** One row of a full file. */
export interface FullRow {
  /** The member. */
  readonly subject: string;
  /** What names the row beside its subject. */
  readonly key: string;
  /** Line of the file. */
  readonly line: number;
  readonly row: Readonly<Record<string, unknown>>;
}

/** So many rows are sorted in memory at a time. */
const RUN = 50_000;

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const compare = (a: FullRow, b: FullRow): number =>
  compareText(a.subject, b.subject) || compareText(a.key, b.key) || a.line - b.line;

/**
 * Sorts rows by subject and key in bounded memory: sorted runs go to files of a folder for their owner alone, which are
 * merged. `close` removes the folder.
 */
export class SortedRows {
  readonly folder: string;
  #run: FullRow[] = [];
  readonly #files: string[] = [];
  #count = 0;
  /** @param within the folder that gets the folder of files; default: that of the system */
  constructor(within = tmpdir()) {
    this.folder = mkdtempSync(join(within, 'pa-full-'));
  }

  get count(): number {
    return this.#count;
  }
  add(row: FullRow): void {
    this.#count += 1;
    this.#run.push(row);
    if (this.#run.length >= RUN) this.#flush();
  }
  #flush(): void {
    const path = join(this.folder, `run-${this.#files.length}.ndjson`);
    const file = new LineFile(path);
    for (const row of this.#run.sort(compare)) file.add(JSON.stringify(row));
    file.end();
    this.#files.push(path);
    this.#run = [];
  }

  /** All rows in order. */
  async *rows(): AsyncGenerator<FullRow> {
    const runs = [...this.#files.map((path) => rowsOf(path)), inOrder(this.#run.sort(compare))];
    const heads: { run: AsyncGenerator<FullRow>; row: FullRow }[] = [];
    for (const run of runs) {
      const first = await run.next();
      if (first.done !== true) heads.push({ run, row: first.value });
    }
    while (heads.length > 0) {
      const least = heads.reduce((a, b) => (compare(b.row, a.row) < 0 ? b : a));
      yield least.row;
      const next = await least.run.next();
      if (next.done === true) heads.splice(heads.indexOf(least), 1);
      else least.row = next.value;
    }
  }
  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function* rowsOf(path: string): AsyncGenerator<FullRow> {
  for await (const line of linesOf(path)) yield JSON.parse(line) as FullRow;
}
async function* inOrder(rows: readonly FullRow[]): AsyncGenerator<FullRow> {
  yield* rows;
}
