/** RFC 9110 §14. Bytes [start, end). */
export type RangeChoice =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly start: number; readonly end: number }
  | { readonly kind: 'unsatisfiable' };

/**
 * Reads a Range header of one range. Any other request gets the whole (RFC 9110 §14.2). The caller decides what
 * `If-Range` must be, and gives undefined if the range must not count.
 * @param length bytes of the representation
 */
export function chooseRange(range: string | undefined, length: number): RangeChoice {
  const match = /^bytes=\s*(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))\s*$/i.exec(range ?? '');
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
