import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { splitLines } from '@provider-access/fhir';
import { TextForm, utf8Of } from './encoding.ts';
import { FileFault } from './fault.ts';

/** A row of a CSV file, or why its lines are none. `text` is the row as it is in the file. */
export type CsvRow =
  | { readonly ok: true; readonly line: number; readonly text: string; readonly cells: readonly string[] }
  | { readonly ok: false; readonly line: number; readonly text: string; readonly reason: string };

/** How a file is written. Both are recognised while it is read. */
export class CsvForm extends TextForm {
  separator = ',';
}

const MAX_LINE_BYTES = 1024 * 1024;
/** So many lines, or characters, are parsed in one call. A call for each line would cost more than the parsing. */
const LINES = 500;
const CHARACTERS = 4 * 1024 * 1024;
/** A row with line breaks has no more. Otherwise a quote that nobody closed would hold the rest of the file. */
const LINES_OF_A_ROW = 50;
const CHARACTERS_OF_A_ROW = 256 * 1024;
const SEPARATORS = [',', ';', '\t', '|'];

const REASONS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is not closed, or the row has another number of cells than the header',
  CSV_INVALID_CLOSING_QUOTE: 'a quote inside a quoted cell: write it twice',
  INVALID_OPENING_QUOTE: 'a quote inside a cell that does not begin with one',
};

interface Line {
  readonly number: number;
  readonly text: string;
}

function cellsOf(text: string, separator: string): string[][] {
  return parse(text, { delimiter: separator, relax_column_count: true, trim: true, record_delimiter: '\n' });
}
function rowOf({ number, text }: Line, separator: string): CsvRow {
  try {
    return { ok: true, line: number, text, cells: cellsOf(text, separator)[0] ?? [] };
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    return { ok: false, line: number, text, reason: REASONS[error.code] ?? error.message };
  }
}
/** Rows of one line each. */
function* rowsOf(lines: readonly Line[], separator: string): Generator<CsvRow> {
  let rows: string[][] | undefined;
  try {
    rows = cellsOf(lines.map(({ text }) => text).join('\n'), separator);
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
  }
  // A faulty quote joins lines, so the counts differ. Then each line is read alone.
  const together = rows?.length === lines.length ? rows : undefined;
  for (const [at, line] of lines.entries()) {
    const cells = together?.[at];
    yield cells === undefined ? rowOf(line, separator) : { ok: true, line: line.number, text: line.text, cells };
  }
}

const lengthOf = (lines: readonly Line[]): number => lines.reduce((sum, { text }) => sum + text.length, 0);
const quotesOf = (text: string): number => text.split('"').length - 1;

/** The separator that makes the most cells of the header, and a comma where none makes two. */
function separatorOf(header: string): string {
  const outside = header.replaceAll(/"[^"]*"/g, '');
  const counts = SEPARATORS.map((one) => outside.split(one).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))]!;
}

/** Collects lines into rows. A row may have line breaks inside quotes, if it then has as many cells as the header. */
class Rows {
  readonly #form: CsvForm;
  #lines: Line[] = [];
  #characters = 0;
  /** Lines from one with an open quote on. */
  #open: Line[] = [];
  #width: number | undefined;
  constructor(form: CsvForm) {
    this.#form = form;
  }

  *add(line: Line): Generator<CsvRow> {
    if (this.#open.length === 0 && quotesOf(line.text) % 2 === 0) {
      this.#lines.push(line);
      this.#characters += line.text.length;
      // The header comes alone, because it says how many cells a row has.
      if (this.#width === undefined || this.#lines.length >= LINES || this.#characters >= CHARACTERS)
        yield* this.#flush();
      return;
    }
    this.#open.push(line);
    const joined = this.#joined();
    if (joined !== undefined) {
      yield* this.#flush();
      this.#open = [];
      this.#width ??= joined.cells.length;
      yield joined;
    } else if (this.#open.length >= LINES_OF_A_ROW || lengthOf(this.#open) >= CHARACTERS_OF_A_ROW)
      yield* this.#giveUp();
  }
  *end(): Generator<CsvRow> {
    while (this.#open.length > 0) yield* this.#giveUp();
    yield* this.#flush();
  }

  #joined(): (CsvRow & { readonly ok: true }) | undefined {
    const text = this.#open.map((line) => line.text).join('\n');
    if (this.#open.length === 1 || quotesOf(text) % 2 !== 0) return undefined;
    const row = rowOf({ number: this.#open[0]!.number, text }, this.#form.separator);
    return row.ok && (this.#width === undefined || row.cells.length === this.#width) ? row : undefined;
  }
  /** The first line has a quote that is not closed: it is refused alone, and the lines after it are read again. */
  *#giveUp(): Generator<CsvRow> {
    const [first, ...rest] = this.#open;
    this.#open = [];
    yield* this.#flush();
    yield rowOf(first!, this.#form.separator);
    for (const line of rest) yield* this.add(line);
  }
  *#flush(): Generator<CsvRow> {
    for (const row of rowsOf(this.#lines, this.#form.separator)) {
      if (row.ok) this.#width ??= row.cells.length;
      yield row;
    }
    this.#lines = [];
    this.#characters = 0;
  }
}

/**
 * The rows of a CSV file (RFC 4180) in bounded memory, without blank lines. The encoding is recognised, and the
 * separator too unless the caller names one; `form` has both. A first line such as `sep=;` names the separator.
 * @throws FileFault if the file is no text
 */
export async function* readCsv(
  bytes: AsyncIterable<Uint8Array>,
  { name, separator, form }: { name: string; separator?: string | undefined; form: CsvForm },
): AsyncGenerator<CsvRow> {
  let rows: Rows | undefined;
  for await (const line of splitLines(utf8Of(bytes, name, form), { maxLineBytes: MAX_LINE_BYTES })) {
    if (line.kind === 'too-long') {
      if (rows === undefined) {
        const length = `the first line has ${line.bytes} bytes`;
        throw new FileFault('usage', `${name}: ${length}`, { code: 'header', reason: length });
      }
      yield* rows.end();
      const reason = `${line.bytes} bytes: a line has at most ${MAX_LINE_BYTES}`;
      yield { ok: false, line: line.number, text: '', reason };
      continue;
    }
    const text = form.textOf(line);
    if (rows === undefined) {
      const named = separator ?? /^sep=(.)$/i.exec(text)?.[1];
      form.separator = named ?? separatorOf(text);
      rows = new Rows(form);
      if (named !== undefined && /^sep=.$/i.test(text)) continue;
    }
    if (line.kind === 'line' || form.encoding === 'Windows-1252') yield* rows.add({ number: line.number, text });
    else {
      yield* rows.end();
      yield { ok: false, line: line.number, text, reason: 'not UTF-8, as the lines before it are' };
    }
  }
  if (rows !== undefined) yield* rows.end();
}
