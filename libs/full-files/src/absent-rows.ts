import { textOf } from './compare.ts';
import { CsvForm, readCsv } from './csv.ts';
import { FileFault } from './fault.ts';
import type { FileBytes } from './file-bytes.ts';
import { withFormulas, withoutFormulas } from './formulas.ts';
import type { HeldRow } from './holdings.ts';
import { digitsOf } from './report.ts';

/** The first line of a list of absent opt-outs. A person marks those that end in the column `end`. */
export const ABSENT_HEADER = 'end,number,member,scope,names,said';
const YES = 'yes';

/** An opt-out that a file lacks, and that stays. */
export interface AbsentOptOut {
  /** Names it as the platform holds it. After a change of the opt-out it has another number. */
  readonly number: string;
  readonly member: string;
  readonly scope: string;
  /** Whom or what it names: identifiers of providers, purposes, payers or categories. */
  readonly names: readonly string[];
  /** Day of the file that said it, YYYY-MM-DD. */
  readonly said: string;
}

function absentOf(source: string, { subject, key, row, batch, asOf }: HeldRow): AbsentOptOut {
  const { scope, targets, purposes, payers, categories } = row as Readonly<Record<string, unknown>>;
  const names = [targets ?? purposes ?? payers ?? categories ?? []].flat().map((one: unknown) =>
    // An identifier of a provider, without the name of its kind.
    typeof one === 'string' ? one : Object.values(one as object).join(' '),
  );
  const number = digitsOf(JSON.stringify([source, subject, key, batch, textOf(row!)]));
  return { number, member: subject, scope: String(scope), names, said: asOf };
}

/** Its line in the list. `end` is for the person who asks its member. */
export function absentLine({ number, member, scope, names, said }: AbsentOptOut): string {
  const cells = ['', number, member, scope, names.join(' '), said];
  return withoutFormulas(cells.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(','));
}

/**
 * The numbers that a person has marked with `yes`, each with its line.
 * @throws FileFault for a file that is not one of absent opt-outs, or has another mark
 */
export async function marksOf(file: FileBytes): Promise<ReadonlyMap<string, number>> {
  const marks = new Map<string, number>();
  let places: readonly [end: number, number: number] | undefined;
  const { name } = file;
  const wrong = (line: number, what: string): FileFault =>
    new FileFault('refused', `${name}:${line}: ${what}. Nothing was imported.`, { code: 'absent-mark', line });
  for await (const read of readCsv(file.bytes(), { name, form: new CsvForm() })) {
    if (!read.ok) throw wrong(read.line, read.reason);
    const cells = read.cells.map(withFormulas);
    if (places === undefined) {
      places = [cells.indexOf('end'), cells.indexOf('number')];
      if (places.includes(-1))
        throw new FileFault(
          'usage',
          `${name} has no columns "end" and "number": pa simulate opt-outs writes the file`,
          { code: 'absent-mark' },
        );
      continue;
    }
    const [end, number] = [cells[places[0]] ?? '', cells[places[1]] ?? ''];
    if (end === '') continue;
    if (end.toLowerCase() !== YES) throw wrong(read.line, `the column "end" has "${end}": write ${YES}, or nothing`);
    marks.set(number, read.line);
  }
  return marks;
}

/**
 * The opt-outs that a full file lacks. Each of them stays, unless a person has confirmed its end (A71). `keep` gets
 * those that stay.
 */
export class AbsentRows {
  readonly #source: string;
  readonly #keep: (one: AbsentOptOut) => void;
  readonly #marks: Map<string, number>;
  constructor(source: string, marks: ReadonlyMap<string, number>, keep: (one: AbsentOptOut) => void = () => undefined) {
    this.#source = source;
    this.#keep = keep;
    this.#marks = new Map(marks);
  }
  /** What becomes of a row that the file lacks. */
  take(row: HeldRow): 'ended' | 'kept' {
    const absent = absentOf(this.#source, row);
    if (this.#marks.delete(absent.number)) return 'ended';
    this.#keep(absent);
    return 'kept';
  }
  /** @throws FileFault if a mark is of an opt-out that is not absent, or that has changed since */
  end(marked: string): void {
    const [line] = this.#marks.values();
    if (line === undefined) return;
    throw new FileFault(
      'refused',
      `${marked}:${line}: no opt-out that the file lacks has this number. The file has it now, or the platform holds ` +
        'it otherwise. Simulate again. Nothing was imported.',
      { code: 'absent-mark', line },
    );
  }
}
