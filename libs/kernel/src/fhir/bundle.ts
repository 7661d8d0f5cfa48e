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
