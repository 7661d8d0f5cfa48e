import { hash } from 'node:crypto';
import { dataOf, type FileImported, type FileRowRecorded, PA_FILE_ROWS } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve } from '@provider-access/engines/views';

/** What a file said about a row. `row` is null where the file did not have it. */
interface FileSaid extends Pick<FileRowRecorded, 'row' | 'batch' | 'asOf'> {
  readonly time: string;
}
export interface FileRowPart extends FileSaid, Pick<FileRowRecorded, 'subject' | 'key'> {
  /** `source/kind`. */
  readonly list: string;
  /** What the import before said, for `pa undo`. */
  readonly before?: FileSaid;
}
/** An import that is complete. */
export type ImportedFile = Pick<FileImported, 'batch' | 'asOf' | 'digest' | 'rows' | 'undoes'> & {
  readonly time: string;
};
export interface ImportsPart {
  readonly list: 'imports';
  readonly subject: string;
  /** The oldest first; the last `MOST_IMPORTS`. */
  readonly imports: readonly ImportedFile[];
}
/** A year of files that come each night. */
const MOST_IMPORTS = 400;

export const listOf = ({ source, kind }: Pick<FileRowRecorded, 'source' | 'kind'>): string => `${source}/${kind}`;
export const importsId = (list: string): string => `imports/${list}`;
const isImport = (record: LogRecord): boolean => record.headers['ce_type'] === 'pa.file-imported.v1';
const nameOf = (key: string): string => hash('sha256', key, 'base64url').slice(0, 22);

function withRow(part: FileRowPart | undefined, said: FileRowRecorded): FileRowPart | undefined {
  const { subject, key, row, batch, asOf, businessTime: time } = said;
  // An event that comes again must not take the place of what was before it.
  if (part !== undefined && (time < part.time || (time === part.time && batch === part.batch))) return undefined;
  const before = part && { row: part.row, batch: part.batch, asOf: part.asOf, time: part.time };
  return { list: listOf(said), subject, key, row, batch, asOf, time, ...(before !== undefined && { before }) };
}
function withImport(part: ImportsPart | undefined, done: FileImported): ImportsPart | undefined {
  const { batch, asOf, digest, rows, undoes, businessTime: time } = done;
  const known = part?.imports ?? [];
  if (known.some((each) => each.batch === batch && each.time === time)) return undefined;
  const added: ImportedFile = { batch, asOf, digest, rows, time, ...(undoes !== undefined && { undoes }) };
  const imports = [...known, added].sort((a, b) => (a.time < b.time ? -1 : 1)).slice(-MOST_IMPORTS);
  return { list: 'imports', subject: listOf(done), imports };
}

const topic: TopicEvolve<FileRowPart | ImportsPart> = {
  part: 'row',
  keys: (record) => {
    const said = dataOf<FileRowRecorded>(record);
    const list = listOf(said);
    return [isImport(record) ? importsId(list) : `${list}/${said.subject}/${nameOf(said.key)}`];
  },
  evolve: (part, record) =>
    isImport(record)
      ? withImport(part as ImportsPart | undefined, dataOf<FileImported>(record))
      : withRow(part as FileRowPart | undefined, dataOf<FileRowRecorded>(record)),
  // The row stays as it was known: the next file of the source states it again.
  failed: () => undefined,
};

/**
 * One document for each row that a source's full files ever had, and one for each source and kind with its imports. A
 * full file is compared with this view (ADR 0107).
 */
export const fileRows: Projection = {
  owner: 'attribution',
  name: 'file-rows',
  version: 1,
  topics: { [PA_FILE_ROWS]: topic },
  indexes: [{ name: 'by_list', fields: ['row.list', 'row.subject'] }],
};
