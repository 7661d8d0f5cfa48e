/** One entry of a searchset: `line` is the resource as encoded JSON and goes into the Bundle untouched. */
export interface BundleEntryLine {
  /** Absent for an OperationOutcome about the search. */
  readonly fullUrl?: string;
  readonly line: string;
  readonly mode?: 'match' | 'include' | 'outcome';
}

export interface SearchsetInput {
  readonly selfUrl: string;
  readonly nextUrl?: string | undefined;
  /** Absent when unknown, because a query by keyset pages does not count its results. */
  readonly total?: number | undefined;
  readonly entries: readonly BundleEntryLine[];
}

/** A searchset Bundle as JSON text. It joins encoded lines and neither parses nor stringifies resources. */
export function searchsetBundle({ selfUrl, nextUrl, total, entries }: SearchsetInput): string {
  const links = [link('self', selfUrl), ...(nextUrl === undefined ? [] : [link('next', nextUrl)])].join(',');
  const counted = total === undefined ? '' : `,"total":${total}`;
  let text = `{"resourceType":"Bundle","type":"searchset"${counted},"link":[${links}]`;
  if (entries.length === 0) return `${text}}`;
  text += ',"entry":[';
  for (let index = 0; index < entries.length; index++) {
    const { fullUrl, line, mode = 'match' } = entries[index] as BundleEntryLine;
    if (index > 0) text += ',';
    const url = fullUrl === undefined ? '' : `"fullUrl":${JSON.stringify(fullUrl)},`;
    text += `{${url}"resource":${line},"search":{"mode":"${mode}"}}`;
  }
  return `${text}]}`;
}

function link(relation: string, url: string): string {
  return `{"relation":"${relation}","url":${JSON.stringify(url)}}`;
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
export function historyBundle(
  input: Omit<SearchsetInput, 'entries'> & { entries: readonly HistoryEntryLine[] },
): string {
  const { selfUrl, nextUrl, total, entries } = input;
  const links = [link('self', selfUrl), ...(nextUrl === undefined ? [] : [link('next', nextUrl)])].join(',');
  const counted = total === undefined ? '' : `,"total":${total}`;
  const texts = entries.map(({ fullUrl, line, url, versionId, lastModified }) => {
    const [method, status] = line === undefined ? ['DELETE', '204'] : ['PUT', versionId === 1 ? '201' : '200'];
    const request = JSON.stringify({ method, url });
    const response = JSON.stringify({ status, etag: `W/"${versionId}"`, lastModified });
    const resource = line === undefined ? '' : `"resource":${line},`;
    return `{"fullUrl":${JSON.stringify(fullUrl)},${resource}"request":${request},"response":${response}}`;
  });
  const list = texts.length === 0 ? '' : `,"entry":[${texts.join(',')}]`;
  return `{"resourceType":"Bundle","type":"history"${counted},"link":[${links}]${list}}`;
}
