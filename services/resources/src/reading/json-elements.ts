const [QUOTE, COMMA, BACKSLASH] = [34, 44, 92];
const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [91, 93, 123, 125];
const [TAB, LINE_FEED, RETURN, SPACE] = [9, 10, 13, 32];
const isSpace = (byte: number | undefined): boolean =>
  byte === SPACE || byte === LINE_FEED || byte === RETURN || byte === TAB;

/**
 * Finds the elements of a JSON array, so that they need not be parsed together. The bytes are JSON if and only if each
 * element is. It looks at ASCII characters alone, which are no part of another character in UTF-8.
 * @returns where each element starts and ends, in turn; undefined if this is no array, or certainly no JSON
 */
export function elementsOf(json: Uint8Array): readonly number[] | undefined {
  let at = 0;
  while (isSpace(json[at])) at += 1;
  if (json[at] !== OPEN_LIST) return undefined;
  const bounds: number[] = [];
  let start = at + 1;
  let depth = 1;
  for (at = start; depth > 0; at++) {
    const byte = json[at];
    if (byte === undefined) return undefined;
    if (byte === QUOTE) {
      at = endOfString(json, at);
      if (at < 0) return undefined;
    } else if (byte === OPEN || byte === OPEN_LIST) depth += 1;
    else if (byte === CLOSE || byte === CLOSE_LIST) {
      depth -= 1;
      if (depth === 0 && byte === CLOSE) return undefined;
    }
    if (depth > 1 || (depth === 1 && byte !== COMMA)) continue;
    bounds.push(start, at);
    start = at + 1;
  }
  // An array with nothing but white space has no element.
  if (bounds.length === 2 && json.subarray(...(bounds as [number, number])).every(isSpace)) bounds.length = 0;
  while (isSpace(json[at])) at += 1;
  return at === json.length ? bounds : undefined;
}

/** Index of the closing quotation mark of the string that starts at `at`; -1 if it does not end. */
function endOfString(json: Uint8Array, at: number): number {
  for (let end = json.indexOf(QUOTE, at + 1); end >= 0; end = json.indexOf(QUOTE, end + 1)) {
    let first = end;
    while (json[first - 1] === BACKSLASH) first -= 1;
    if ((end - first) % 2 === 0) return end;
  }
  return -1;
}
