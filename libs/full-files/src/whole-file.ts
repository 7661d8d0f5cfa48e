import { fileRowOf, type PayerEvent } from '@provider-access/events';
import { type FaultyRow, FileFault } from './fault.ts';
import type { FileBytes } from './file-bytes.ts';
import { type ImportFile, importRows } from './rows.ts';
import { SortedRows } from './sorted-rows.ts';

/** Faulty rows that a fault lists. */
const SHOWN = 20;
const NEW_LINE = 0x0a;

/**
 * Whether the last line of a file ends with a line break. A file that was cut inside a row often does not, and the cut
 * value may still be valid.
 * @throws FileFault if the file cannot be read to its end
 */
async function endsWithLine(file: FileBytes): Promise<boolean> {
  let end: readonly number[] = [];
  try {
    // UTF-16 writes a line break as two bytes.
    for await (const chunk of file.bytes()) end = [...end, ...chunk.subarray(-2)].slice(-2);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new FileFault(
      'refused',
      `${file.name} cannot be read to its end (${why}): it may be cut. Nothing was imported.`,
      { code: 'unreadable', why },
    );
  }
  return end.includes(NEW_LINE);
}

export interface WholeFile {
  readonly source: ImportFile;
  /** How many rows the sender says that the file has. */
  readonly rows?: number;
  /** The folder that gets the folder of sorted rows; default: that of the system. */
  readonly folder?: string;
}

/**
 * Reads a file that says everything a source knows. One faulty row refuses it, because a row that cannot be read would
 * count as absent.
 * @throws FileFault that names the lines and the reasons
 */
export async function readWholeFile(
  { source, rows: expected, folder }: WholeFile,
  onRow: (count: number) => void = () => undefined,
): Promise<SortedRows> {
  const { name } = source.file;
  if (!(await endsWithLine(source.file)) && expected === undefined)
    throw new FileFault(
      'refused',
      `${name}: the last line has no line break, so the file may be cut. If it is whole, say with --rows how many ` +
        'rows it has. Nothing was imported.',
      { code: 'cut' },
    );
  const sorted = new SortedRows(folder);
  const faults: FaultyRow[] = [];
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
      if (faults.length < SHOWN) faults.push(...row.faults.map((fault) => ({ line: row.line, ...fault })));
    }
    if (faulty > 0)
      throw new FileFault(
        'refused',
        `${name}: ${faulty} ${faulty === 1 ? 'row' : 'rows'} cannot be read. A row that cannot be read would count ` +
          'as absent, so nothing was imported.',
        { code: 'faulty-rows', count: faulty, rows: faults.slice(0, SHOWN) },
      );
    if (sorted.count === 0)
      throw new FileFault(
        'refused',
        `${name} has a header and no row: an empty full file would end everything that the source stated. Nothing ` +
          'was imported. Ask its sender.',
        { code: 'empty' },
      );
    if (expected !== undefined && expected !== sorted.count)
      throw new FileFault(
        'refused',
        `${name} has ${sorted.count} rows, and --rows says ${expected}: it is cut, or doubled, or another file. ` +
          'Nothing was imported.',
        { code: 'rows-differ', rows: sorted.count, expected },
      );
    return sorted;
  } catch (error) {
    sorted.close();
    throw error;
  }
}
