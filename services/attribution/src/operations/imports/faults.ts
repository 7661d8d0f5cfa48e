import type { FaultyRow, FileFault } from '@provider-access/full-files';
import { MOST_FAULTY_ROWS, type RunFault } from './run.ts';

/**
 * A reason without the cell that it quotes. The cell of a faulty row may be anything, because a map may name the wrong
 * column.
 */
const withoutCell = (reason: string): string =>
  reason
    .replace(/".*"/s, 'the value')
    .replace(/(a day number of Excel), [\d-]+/, '$1')
    .slice(0, 300);
const withoutCells = ({ line, column, reason }: FaultyRow): FaultyRow => ({
  line,
  ...(column !== undefined && { column: column.slice(0, 100) }),
  reason: withoutCell(reason),
});

/**
 * What is wrong with a file, for the answers of a run. `detail` of a fault may quote cells, and so may its names of
 * columns if the file has no header. So each text is written here.
 */
export function faultOf({ detail }: FileFault): RunFault {
  const { code } = detail;
  const about = Object.fromEntries(Object.entries(detail).filter(([name]) => QUOTES_NOTHING.has(name)));
  return {
    code,
    text: textOf(detail),
    ...(Object.keys(about).length > 0 && { about }),
    ...(code === 'faulty-rows' && { rows: detail.rows.slice(0, MOST_FAULTY_ROWS).map(withoutCells) }),
  };
}
/** What a page may say in another language: numbers, days, and names that the platform or the person chose. */
const QUOTES_NOTHING = new Set(['count', 'attributes', 'attribute', 'expected', 'asOf', 'last', 'batch', 'lines']);

const CUT = 'If it is whole, say how many rows it has.';
function textOf(detail: FileFault['detail']): string {
  switch (detail.code) {
    case 'no-csv':
      return `The file is no CSV file but ${detail.what}. Save it as "CSV UTF-8".`;
    case 'header':
      return 'The first line cannot be read. It names the columns.';
    case 'no-header':
      return 'The file is empty. Its first line names the columns.';
    case 'columns-alike':
      return 'Two columns have the same name, or may both be the same attribute. Name one of them in the map.';
    case 'column-missing':
      return `The file has no column for ${detail.attributes.join(' or ')}. Name its column in the map.`;
    case 'mapped-column-missing':
      return `The file does not have the column that the map names for ${detail.attribute}.`;
    case 'map':
      return 'The map is not valid.';
    case 'cut':
      return `The last line has no line break, so the file may be cut. ${CUT}`;
    case 'unreadable':
      return 'The file cannot be read to its end. It may be cut.';
    case 'faulty-rows':
      return (
        `${detail.count} ${detail.count === 1 ? 'row' : 'rows'} cannot be read. A row that cannot be read would ` +
        'count as absent.'
      );
    case 'empty':
      return 'The file has a header and no row. It would end everything that the source stated. Ask its sender.';
    case 'rows-differ':
      return `The file has ${detail.rows} rows, and its sender says ${detail.expected}. It is cut, or another file.`;
    case 'older':
      return (
        `The file is of ${detail.asOf}, and the last file of the source was of ${detail.last} (${detail.batch}). ` +
        'An older file would take newer statements back.'
      );
    case 'two-contents':
      return (
        `The lines ${detail.lines.join(' and ')} state the same row differently. A full file has one row for each ` +
        'member and provider, or coverage.'
      );
    case 'doubled':
      return 'Each row stands in the file twice or more often.';
    case 'absent-mark':
      return 'The list of ends cannot be read.';
    case 'no-batch':
      return 'This is no name of an import.';
    case 'no-undo':
      return (
        'No undo takes an import of opt-outs back, because each end of an opt-out needs a confirmation of its own. ' +
        'Import the right file by pa, with --ends for those that end.'
      );
  }
}
