import { toStructured } from '@provider-access/events';
import { CsvForm, type ImportFile, importRows, type RowFault, withoutFormulas } from '@provider-access/full-files';
import { publish, type PublishReport } from '../client/publish.ts';
import type { Server } from '../client/server.ts';
import type { Item } from '../client/sources.ts';
import { CliError, EXIT, type ExitCode } from '../output.ts';
import { eachInCli } from './file-faults.ts';
import { ownLines } from './row-files.ts';

interface RefusedRow {
  readonly line: number;
  readonly column?: string;
  readonly reason: string;
}
export interface ImportReport {
  rows: number;
  accepted: number;
  refused: number;
  /** Of accepted opt-outs: how many decide now. */
  effective: number;
  outcomes: Record<string, number>;
  /** The first thousand. */
  refusedRows: RefusedRow[];
  ignoredColumns: readonly string[];
  /** How the file is written, as it was recognised. */
  encoding: string;
  separator: string;
  outcomeFile?: string;
  refusedFile?: string;
  /** Why the import ended before the last row. */
  error?: { readonly code: ExitCode; readonly message: string };
}
const LISTED = 1_000;

const described = ({ column, reason }: RowFault): string => (column === undefined ? reason : `${column}: ${reason}`);

/** Reads a file to its end and publishes nothing. `preview` gets each event. */
export async function checkFile(
  source: ImportFile,
  preview: (line: number, subject: string, data: unknown) => void,
): Promise<ImportReport> {
  const report: ImportReport = emptyReport();
  const form = new CsvForm();
  const rows = importRows(source, ({ ignored }) => (report.ignoredColumns = ignored), form);
  for await (const row of eachInCli(rows)) {
    report.rows += 1;
    if (row.ok) preview(row.line, row.event.subject ?? '', row.event.data);
    else refuse(report, row.line, row.faults);
  }
  return Object.assign(report, formOf(form));
}

const emptyReport = (): ImportReport => ({
  rows: 0,
  accepted: 0,
  refused: 0,
  effective: 0,
  outcomes: {},
  refusedRows: [],
  ignoredColumns: [],
  ...formOf(new CsvForm()),
});
const formOf = ({ encoding = 'UTF-8', separator }: CsvForm) => ({ encoding, separator });
function refuse(report: ImportReport, line: number, faults: readonly RowFault[]): void {
  report.refused += 1;
  if (report.refusedRows.length < LISTED) report.refusedRows.push(...faults.map((fault) => ({ line, ...fault })));
}

export interface ImportOptions {
  readonly server: Server;
  readonly token: string;
  readonly outcomes: string;
  readonly refused: string;
  readonly onProgress?: (report: Readonly<ImportReport>) => void;
}

/**
 * Publishes the rows of a file in bounded memory, with one line in the file of outcomes for each row. A refused row
 * goes to the file of refused rows as it is, below the header, so that a corrected copy can be imported. A spreadsheet
 * finds no formula in that file.
 */
export async function importFile(source: ImportFile, options: ImportOptions): Promise<ImportReport> {
  const report = emptyReport();
  const outcomes = ownLines(options.outcomes);
  const refusedRows = ownLines(options.refused);
  /** The lines that were sent and are not settled: at most some batches. */
  const sent = new Map<number, string>();
  let header = '';
  const form = new CsvForm();
  const refuseRow = (line: number, text: string, faults: readonly RowFault[]): void => {
    refuse(report, line, faults);
    if (text === '') return;
    if (!refusedRows.written) refusedRows.add(withoutFormulas(header));
    refusedRows.add(withoutFormulas(text));
  };
  async function* items(): AsyncGenerator<Item> {
    const rows = importRows(
      source,
      ({ headerText, ignored }) => {
        header = headerText;
        report.ignoredColumns = ignored;
      },
      form,
    );
    for await (const row of eachInCli(rows)) {
      report.rows += 1;
      if (row.ok) {
        sent.set(row.line, row.text);
        const line = JSON.stringify(toStructured(row.event));
        yield { ok: true, line, event: row.event.id, about: String(row.line) };
      } else {
        refuseRow(row.line, row.text, row.faults);
        const reason = row.faults.map(described).join('; ');
        outcomes.add(JSON.stringify({ line: row.line, outcome: 'refused', reason }));
      }
    }
  }
  const take = ({ accepted, effective, outcomes: counts }: Readonly<PublishReport>): void => {
    Object.assign(report, { accepted, effective, outcomes: counts });
    options.onProgress?.(report);
  };
  try {
    take(
      await publish(items(), {
        server: options.server,
        token: options.token,
        onProgress: take,
        onExplained: ({ about, ...row }) => {
          const line = Number(about);
          if (row.outcome === 'refused') refuseRow(line, sent.get(line) ?? '', [{ reason: row.reason ?? '' }]);
          sent.delete(line);
          outcomes.add(JSON.stringify({ line, ...row }));
        },
      }),
    );
  } catch (error) {
    if (!(error instanceof CliError) || error.code === EXIT.usage) throw error;
    report.error = { code: error.code, message: error.message };
    // Rows that were not read are not published either.
    report.rows = (await checkFile(source, () => undefined)).rows;
  } finally {
    outcomes.end();
    refusedRows.end();
  }
  Object.assign(report, formOf(form));
  if (outcomes.written) report.outcomeFile = outcomes.path;
  if (refusedRows.written) report.refusedFile = refusedRows.path;
  return report;
}
