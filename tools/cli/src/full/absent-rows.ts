import { bytesOf } from '../client/documents.ts';
import { CsvForm, readCsv } from '../import/csv.ts';
import { withFormulas, withoutFormulas } from '../import/formulas.ts';
import { LineFile } from '../import/row-files.ts';
import { CliError, EXIT } from '../output.ts';
import { textOf } from './compare.ts';
import type { HeldRow } from './held.ts';
import { digitsOf } from './report.ts';

const HEADER = 'end,number,member,scope,names,said';
const YES = 'yes';

/** Names one opt-out as the platform holds it. After a change of the opt-out it has another number. */
const numberOf = (source: string, { subject, key, row, batch }: HeldRow): string =>
  digitsOf(JSON.stringify([source, subject, key, batch, row === null ? null : textOf(row)]));

/** The cells of an absent opt-out; `end` is for the person who asks its member. */
function lineOf(number: string, { subject, row, asOf }: HeldRow): string {
  const { scope, targets, purposes, payers, categories } = row as Readonly<Record<string, unknown>>;
  const names = [targets ?? purposes ?? payers ?? categories ?? []].flat().map((one: unknown) =>
    // An identifier of a provider, without the name of its kind.
    typeof one === 'string' ? one : Object.values(one as object).join(' '),
  );
  const cells = ['', number, subject, String(scope), names.join(' '), asOf];
  return withoutFormulas(cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','));
}

/**
 * The numbers that a person has marked with `yes`, each with its line.
 * @throws CliError for a file that is not one of absent opt-outs, or has another mark
 */
export async function marksOf(file: string): Promise<ReadonlyMap<string, number>> {
  const marks = new Map<string, number>();
  let places: readonly [end: number, number: number] | undefined;
  for await (const read of readCsv(bytesOf(file), { name: file, separator: undefined, form: new CsvForm() })) {
    if (!read.ok) throw new CliError(EXIT.refused, `${file}:${read.line}: ${read.reason}. Nothing was imported.`);
    const cells = read.cells.map(withFormulas);
    if (places === undefined) {
      places = [cells.indexOf('end'), cells.indexOf('number')];
      if (places.includes(-1))
        throw new CliError(
          EXIT.usage,
          `${file} has no columns "end" and "number": pa simulate opt-outs writes the file`,
        );
      continue;
    }
    const [end, number] = [cells[places[0]] ?? '', cells[places[1]] ?? ''];
    if (end === '') continue;
    if (end.toLowerCase() !== YES)
      throw new CliError(
        EXIT.refused,
        `${file}:${read.line}: the column "end" has "${end}": write ${YES}, or nothing. Nothing was imported.`,
      );
    marks.set(number, read.line);
  }
  return marks;
}

/**
 * The opt-outs that a full file lacks. Each of them stays, unless a person has confirmed its end (A71). Those that stay
 * go to a file in which a person can do so.
 */
export class AbsentRows {
  readonly #source: string;
  readonly #out: LineFile | undefined;
  readonly #marks: Map<string, number>;
  constructor(source: string, { out, marks }: { readonly out?: string; readonly marks: ReadonlyMap<string, number> }) {
    this.#source = source;
    this.#out = out === undefined ? undefined : new LineFile(out);
    this.#marks = new Map(marks);
  }
  /** What becomes of a row that the file lacks. */
  take(row: HeldRow): 'ended' | 'kept' {
    const number = numberOf(this.#source, row);
    if (this.#marks.delete(number)) return 'ended';
    if (this.#out !== undefined) {
      if (!this.#out.written) this.#out.add(HEADER);
      this.#out.add(lineOf(number, row));
    }
    return 'kept';
  }
  /** @throws CliError if a mark is of an opt-out that is not absent, or that has changed since */
  end(marked: string): void {
    this.#out?.end();
    const [line] = this.#marks.values();
    if (line === undefined) return;
    throw new CliError(
      EXIT.refused,
      `${marked}:${line}: no opt-out that the file lacks has this number. The file has it now, or the platform holds ` +
        'it otherwise. Simulate again. Nothing was imported.',
    );
  }
}
