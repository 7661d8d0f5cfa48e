/**
 * The text of a resource as it was received, if JSON.stringify would write the parsed resource in the same way. That
 * saves writing the resource again for its hash, and for the search for labels.
 *
 * - The hash stays the one of what JSON.stringify writes. So a repeat with other white space has the same hash, and the
 *   build before this one can compare its own.
 * - A text with an escape is not taken, because a label may be written with `\u`.
 * - The text is hashed and searched only. No part of it is served.
 */

const BEFORE = /^\{(?:"sequence":\d+,)?"resource":(?=\{)/;
const [QUOTE, COLON, MINUS, ZERO, NINE] = [34, 58, 45, 48, 57];
const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [91, 93, 123, 125];
const SPACE = 32;
const isDigit = (char: number): boolean => char >= ZERO && char <= NINE;
const NUMBER = /-?[\d.eE+-]+/y;

/**
 * @param data text of an event's data, which is JSON
 * @param members number of members of all objects in the parsed resource. With a duplicate key, the text has more.
 * @returns undefined if the text may differ from that of JSON.stringify
 */
export function sentTextOf(data: string, members: number): string | undefined {
  const start = BEFORE.exec(data)?.[0].length;
  if (start === undefined || data.includes('\\')) return undefined;
  let depth = 0;
  let colons = 0;
  let lastString = 0;
  for (let at = start; at < data.length; at++) {
    const char = data.charCodeAt(at);
    if (char === QUOTE) {
      lastString = at + 1;
      at = data.indexOf('"', lastString);
    } else if (char === COLON) {
      colons += 1;
      // JSON.stringify writes keys that are numbers first.
      if (isDigit(data.charCodeAt(lastString))) return undefined;
    } else if (char === OPEN || char === OPEN_LIST) {
      depth += 1;
    } else if (char === CLOSE || char === CLOSE_LIST) {
      depth -= 1;
      if (depth > 0) continue;
      const isLast = colons === members && !data.includes('"resource"', at);
      return isLast ? data.slice(start, at + 1) : undefined;
    } else if (char <= SPACE) {
      return undefined;
    } else if (char === MINUS || isDigit(char)) {
      NUMBER.lastIndex = at;
      const number = NUMBER.exec(data)?.[0] ?? '';
      if (String(Number(number)) !== number) return undefined;
      at += number.length - 1;
    }
  }
  return undefined;
}
