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
  const parts: (string | Uint8Array | Part)[] = [];
  let text = headOf('searchset', about);
  entries.forEach(({ fullUrl, line, mode = 'match' }, index) => {
    const url = quoted(fullUrl ?? OUTCOME_URL);
    parts.push(`${text}${index === 0 ? ',"entry":[' : ','}{"fullUrl":${url},"resource":`, line);
    text = `,"search":{"mode":"${mode}"}}`;
  });
  return joined([...parts, entries.length === 0 ? `${text}}` : `${text}]}`]);
}

/** Text that JSON has as it is. */
const PLAIN = /^[\u0020\u0021\u0023-\u005b\u005d-\u007e]*$/;
const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));

function joined(parts: readonly (string | Uint8Array | Part)[]): Buffer {
  let bytes = 0;
  for (const part of parts) bytes += sizeOf(part);
  const all = Buffer.allocUnsafe(bytes);
  let at = 0;
  for (const part of parts) {
    if (typeof part === 'string') at += all.write(part, at);
    else if (isPart(part)) at += part.bytes.copy(all, at, part.start, part.end);
    else {
      all.set(part, at);
      at += part.byteLength;
    }
  }
  return all;
}
const isPart = (part: Uint8Array | Part): part is Part => (part as Partial<Part>).bytes !== undefined;
function sizeOf(part: string | Uint8Array | Part): number {
  if (typeof part === 'string') return Buffer.byteLength(part);
  return isPart(part) ? part.end - part.start : part.byteLength;
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
