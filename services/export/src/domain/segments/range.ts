/** RFC 9110 §14. Bytes [start, end). */
export type RangeChoice =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

/**
 * Reads a Range header. Accepts a single range, and only with an If-Range that names exactly this representation,
 * because a client must never join bytes of two permitted sets. Any other request gets the whole file (RFC 9110 §14.2).
 */
export function chooseRange(
  range: string | undefined,
  ifRange: string | undefined,
  etag: string,
  length: number,
): RangeChoice {
  if (range === undefined || ifRange !== etag) return { kind: 'whole' };
  const match = /^bytes=\s*(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))\s*$/i.exec(range);
  if (match === null) return { kind: 'whole' };
  const [, first, last, suffix] = match;
  if (suffix !== undefined) {
    const n = Math.min(Number(suffix), length);
    return n === 0 ? { kind: 'unsatisfiable' } : { kind: 'part', start: length - n, end: length };
  }
  const start = Number(first);
  if (last !== undefined && Number(last) < start) return { kind: 'whole' };
  if (start >= length) return { kind: 'unsatisfiable' };
  return { kind: 'part', start, end: last === undefined ? length : Math.min(Number(last) + 1, length) };
}

/** Whether the client accepts gzip (RFC 9110 §12.5.3): `gzip` or `*` with a weight above zero. Default: plain. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  let star = false;
  for (const item of (acceptEncoding ?? '').toLowerCase().split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((s) => s.trim());
    const q = parameters.find((p) => p.startsWith('q='));
    const weight = q === undefined ? 1 : Number(q.slice(2));
    if (coding === 'gzip' || coding === 'x-gzip') return weight > 0;
    if (coding === '*') star = weight > 0;
  }
  return star;
}
