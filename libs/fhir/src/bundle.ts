/** R4 asks for a fullUrl of each entry. An outcome is no stored resource: nothing can be read by this one. */
const OUTCOME_URL = 'urn:uuid:6f0d1a52-7c1e-4d5b-9a35-0c6f4b0e2d11';

/** Bytes among those of others. */
interface Part {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** One entry of a searchset: `line` is the resource as encoded JSON (text or UTF-8) and goes in untouched. */
export interface BundleEntryLine {
  /** Of a stored resource. An OperationOutcome about the search has none of its own. */
  readonly fullUrl?: string;
  readonly line: string | Uint8Array | Part;
  readonly mode?: 'match' | 'include' | 'outcome';
}

export interface SearchsetInput {
  readonly selfUrl: string;
  readonly nextUrl?: string | undefined;
  /** Absent when unknown, because a query by keyset pages does not count its results. */
  readonly total?: number | undefined;
  readonly entries: readonly BundleEntryLine[];
}

/**
 * A searchset Bundle as JSON in UTF-8. It joins encoded lines: it neither parses nor stringifies resources, and lines
 * that come as bytes never become text.
 */
export function searchsetBundle({ entries, ...about }: SearchsetInput): Buffer {
  /** What stands before each line, and behind the last one. */
  const texts: string[] = [];
  let text = headOf('searchset', about);
  let isPlain = PLAIN_TEXT.test(text);
  let bytes = 0;
  for (const { fullUrl = OUTCOME_URL, line, mode = 'match' } of entries) {
    const isUrlPlain = PLAIN.test(fullUrl);
    isPlain &&= isUrlPlain;
    const url = isUrlPlain ? `"${fullUrl}"` : JSON.stringify(fullUrl);
    texts.push(`${text}${texts.length === 0 ? ',"entry":[' : ','}{"fullUrl":${url},"resource":`);
    bytes += sizeOf(line);
    text = AFTER[mode];
  }
  texts.push(entries.length === 0 ? `${text}}` : `${text}]}`);
  for (const each of texts) bytes += isPlain ? each.length : Buffer.byteLength(each);
  const all = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (let n = 0; n < texts.length; n++) {
    const each = texts[n]!;
    at += isPlain ? all.write(each, at, 'latin1') : all.write(each, at);
    const line = entries[n]?.line;
    if (typeof line === 'string') at += all.write(line, at);
    else if (line !== undefined) at += copied(line, all, at);
  }
  return all;
}

/** What stands behind a line. */
const AFTER = {
  match: ',"search":{"mode":"match"}}',
  include: ',"search":{"mode":"include"}}',
  outcome: ',"search":{"mode":"outcome"}}',
} as const;

/** Text that JSON has as it is. */
const PLAIN = /^[\u0020\u0021\u0023-\u005b\u005d-\u007e]*$/;
/** Text with one byte for each character. */
const PLAIN_TEXT = /^[\u0020-\u007e]*$/;

function copied(line: Uint8Array | Part, all: Buffer, at: number): number {
  if (isPart(line)) return line.bytes.copy(all, at, line.start, line.end);
  all.set(line, at);
  return line.byteLength;
}
const isPart = (part: Uint8Array | Part): part is Part => (part as Partial<Part>).bytes !== undefined;
function sizeOf(line: BundleEntryLine['line']): number {
  if (typeof line === 'string') return Buffer.byteLength(line);
  return isPart(line) ? line.end - line.start : line.byteLength;
}

/** A Bundle up to its entries. */
function headOf(type: string, { selfUrl, nextUrl, total }: Omit<SearchsetInput, 'entries'>): string {
  const counted = total === undefined ? '' : `,"total":${total}`;
  const link = (relation: string, url: string): string => `{"relation":"${relation}","url":${JSON.stringify(url)}}`;
  const next = nextUrl === undefined ? '' : `,${link('next', nextUrl)}`;
  return `{"resourceType":"Bundle","type":"${type}"${counted},"link":[${link('self', selfUrl)}${next}]`;
}

/** One version in a history. `line` is absent for a removal. */
export interface HistoryEntryLine {
  readonly fullUrl: string;
  readonly line?: string;
  /** `Type/id` */
  readonly url: string;
  readonly versionId: number;
  /** RFC 3339 instant. */
  readonly lastModified: string;
}

/** A history Bundle as JSON text: https://hl7.org/fhir/R4/http.html#history. It joins encoded lines. */
export function historyBundle({
  entries,
  ...about
}: Omit<SearchsetInput, 'entries'> & { entries: readonly HistoryEntryLine[] }): string {
  const texts = entries.map(({ fullUrl, line, url, versionId, lastModified }) => {
    const [method, status] = line === undefined ? ['DELETE', '204'] : ['PUT', versionId === 1 ? '201' : '200'];
    const request = JSON.stringify({ method, url });
    const response = JSON.stringify({ status, etag: `W/"${versionId}"`, lastModified });
    const resource = line === undefined ? '' : `"resource":${line},`;
    return `{"fullUrl":${JSON.stringify(fullUrl)},${resource}"request":${request},"response":${response}}`;
  });
  const list = texts.length === 0 ? '' : `,"entry":[${texts.join(',')}]`;
  return `${headOf('history', about)}${list}}`;
}
