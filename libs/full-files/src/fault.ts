/** What is wrong with a file, for callers who say it in their own words. Lines are counted from 1. */
export type FileFaultDetail =
  /** It is a workbook, a PDF, or compressed. */
  | { readonly code: 'no-csv'; readonly what: string }
  /** The first line cannot be read. */
  | { readonly code: 'header'; readonly reason: string }
  /** Not even a header. */
  | { readonly code: 'no-header' }
  /** Columns with one name, or columns of which nobody can say which is the attribute. */
  | { readonly code: 'columns-alike'; readonly columns: readonly string[]; readonly attribute?: string }
  /** No column for any of these attributes. `columns` are those of the header. */
  | { readonly code: 'column-missing'; readonly attributes: readonly string[]; readonly columns: readonly string[] }
  /** The map names a column that the file does not have. */
  | { readonly code: 'mapped-column-missing'; readonly attribute: string; readonly column: string }
  | { readonly code: 'map'; readonly faults: readonly string[] }
  /** The last line has no line break, and nobody has said how many rows the file has. */
  | { readonly code: 'cut' }
  /** It breaks off while it is read. */
  | { readonly code: 'unreadable'; readonly why: string }
  /** The first of `count` rows that cannot be read. */
  | { readonly code: 'faulty-rows'; readonly count: number; readonly rows: readonly FaultyRow[] }
  /** A header and no row. */
  | { readonly code: 'empty' }
  | { readonly code: 'rows-differ'; readonly rows: number; readonly expected: number }
  /** The last import that counts was of a later day. */
  | { readonly code: 'older'; readonly asOf: string; readonly last: string; readonly batch: string }
  /** Two lines state one row differently. */
  | { readonly code: 'two-contents'; readonly lines: readonly [number, number] }
  /** Each row stands there twice or more often. */
  | { readonly code: 'doubled' }
  /** A list of ends of opt-outs (A71) that cannot be read, or with a mark that fits no absent opt-out. */
  | { readonly code: 'absent-mark'; readonly line?: number }
  /** No name of an import, or one that cannot be taken back. */
  | { readonly code: 'no-batch' }
  | { readonly code: 'no-undo' };
export type FileFaultCode = FileFaultDetail['code'];

export interface FaultyRow {
  readonly line: number;
  /** As the header names it; undefined if the whole row is at fault. */
  readonly column?: string;
  /** It may quote the cell. */
  readonly reason: string;
}

/**
 * A file that cannot be read as its sender means it (`usage`), or that must not be imported (`refused`). The text is
 * for whoever imports the file. It may quote cells, so it belongs into no log.
 */
export class FileFault extends Error {
  override readonly name = 'FileFault';
  readonly kind: 'usage' | 'refused';
  readonly detail: FileFaultDetail;
  constructor(kind: 'usage' | 'refused', text: string, detail: FileFaultDetail) {
    super(text);
    this.kind = kind;
    this.detail = detail;
  }
  get code(): FileFaultCode {
    return this.detail.code;
  }
}
