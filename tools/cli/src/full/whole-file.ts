import { fileRowOf, type PayerEvent } from '@provider-access/events';
import { bytesOf } from '../client/documents.ts';
import { type ImportFile, importRows, type RowFault } from '../import/rows.ts';
import { CliError, EXIT, table } from '../output.ts';
import { SortedRows } from './sorted-rows.ts';

/** Faulty rows that a message lists. */
const SHOWN = 20;
const NEW_LINE = 0x0a;

/**
 * Whether the last line of a file ends with a line break. A file that was cut inside a row often does not, and the cut
 * value may still be valid.
 * @throws CliError if the file cannot be read to its end
 */
async function endsWithLine(file: string): Promise<boolean> {
  let end: readonly number[] = [];
  try {
    // UTF-16 writes a line break as two bytes.
    for await (const chunk of bytesOf(file)) end = [...end, ...chunk.subarray(-2)].slice(-2);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new CliError(
      EXIT.refused,
      `${file} cannot be read to its end (${why}): it may be cut. Nothing was imported.`,
    );
  }
  return end.includes(NEW_LINE);
}

export interface WholeFile {
  readonly source: ImportFile;
  /** How many rows the sender says that the file has. */
  readonly rows?: number;
}

/**
 * Reads a file that says everything a source knows. One faulty row refuses it, because a row that cannot be read would
 * count as absent.
 * @throws CliError that names the lines and the reasons
 */
export async function readWholeFile(
  { source, rows: expected }: WholeFile,
  onRow: (count: number) => void = () => undefined,
): Promise<SortedRows> {
  const { file } = source;
  if (!(await endsWithLine(file)) && expected === undefined)
    throw new CliError(
      EXIT.refused,
      `${file}: the last line has no line break, so the file may be cut. If it is whole, say with --rows how many ` +
        'rows it has. Nothing was imported.',
    );
  const sorted = new SortedRows();
  const faults: { readonly line: number; readonly fault: RowFault }[] = [];
  let faulty = 0;
  try {
    for await (const row of importRows(source)) {
      if (row.ok) {
        const { key, row: values } = fileRowOf(row.event as PayerEvent)!;
        sorted.add({ subject: row.event.subject!, key, line: row.line, row: values! });
        onRow(sorted.count);
        continue;
      }
      faulty += 1;
      if (faults.length < SHOWN) faults.push(...row.faults.map((fault) => ({ line: row.line, fault })));
    }
    if (faulty > 0) throw new CliError(EXIT.refused, faultyText(file, faulty, faults));
    if (sorted.count === 0)
      throw new CliError(
        EXIT.refused,
        `${file} has a header and no row: an empty full file would end everything that the source stated. Nothing ` +
          'was imported. Ask its sender.',
      );
    if (expected !== undefined && expected !== sorted.count)
      throw new CliError(
        EXIT.refused,
        `${file} has ${sorted.count} rows, and --rows says ${expected}: it is cut, or doubled, or another file. ` +
          'Nothing was imported.',
      );
    return sorted;
  } catch (error) {
    sorted.close();
    throw error;
  }
}

function faultyText(
  file: string,
  count: number,
  faults: readonly { readonly line: number; readonly fault: RowFault }[],
): string {
  return [
    `${file}: ${count} ${count === 1 ? 'row' : 'rows'} cannot be read. A row that cannot be read would count as ` +
      'absent, so nothing was imported.',
    ...table(
      ['line', 'column', 'reason'],
      faults.slice(0, SHOWN).map(({ line, fault }) => [String(line), fault.column ?? '', fault.reason]),
    ),
  ].join('\n');
}
