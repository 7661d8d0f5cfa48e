import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { splitLines } from '@provider-access/kernel/fhir';
import { bytesOf } from '../client/documents.ts';

/** A row of a CSV file, or why its line is none. `text` is the line as it is in the file. */
export type CsvRow =
  | { readonly ok: true; readonly line: number; readonly text: string; readonly cells: readonly string[] }
  | { readonly ok: false; readonly line: number; readonly text: string; readonly reason: string };

const MAX_LINE_BYTES = 64 * 1024;
/** So many lines are parsed in one call. A call for each line would cost more than the parsing. */
const LINES = 500;

const REASONS: Readonly<Record<string, string>> = {
  CSV_QUOTE_NOT_CLOSED: 'a quote is not closed on this line: a row of an import has no line breaks',
  CSV_INVALID_CLOSING_QUOTE: 'a quote inside a quoted cell: write it twice',
  INVALID_OPENING_QUOTE: 'a quote inside a cell that does not begin with one',
};

interface Line {
  readonly number: number;
  readonly text: string;
}

function cellsOf(lines: readonly string[], separator: string): string[][] {
  return parse(lines.join('\n'), {
    delimiter: separator,
    relax_column_count: true,
    trim: true,
    record_delimiter: '\n',
  });
}
function* rowsOf(lines: readonly Line[], separator: string): Generator<CsvRow> {
  let rows: string[][] | undefined;
  try {
    rows = cellsOf(
      lines.map(({ text }) => text),
      separator,
    );
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
  }
  // A quote that is not closed on its line joins lines, so the counts differ. Then each line is read alone.
  const together = rows?.length === lines.length ? rows : undefined;
  for (const [index, { number, text }] of lines.entries()) {
    try {
      const cells = together?.[index] ?? cellsOf([text], separator)[0] ?? [];
      yield { ok: true, line: number, text, cells };
    } catch (error) {
      if (!(error instanceof CsvError)) throw error;
      yield { ok: false, line: number, text, reason: REASONS[error.code] ?? error.message };
    }
  }
}

/** The rows of a CSV file (RFC 4180, UTF-8, gzip by name), one for each line that is not blank, in bounded memory. */
export async function* readCsv(file: string, separator: string): AsyncGenerator<CsvRow> {
  let lines: Line[] = [];
  for await (const line of splitLines(bytesOf(file), { maxLineBytes: MAX_LINE_BYTES })) {
    if (line.kind === 'line') {
      lines.push(line);
      if (lines.length < LINES) continue;
    }
    yield* rowsOf(lines, separator);
    lines = [];
    if (line.kind === 'line') continue;
    const reason =
      line.kind === 'not-utf8'
        ? 'not UTF-8: save the file as UTF-8'
        : `${line.bytes} bytes: a line has at most ${MAX_LINE_BYTES}`;
    yield { ok: false, line: line.number, text: '', reason };
  }
  yield* rowsOf(lines, separator);
}
