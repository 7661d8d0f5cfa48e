const [QUOTE, COLON, MINUS, ZERO, NINE, BACKSLASH] = [34, 58, 45, 48, 57, 92];
const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [91, 93, 123, 125];
const SPACE = 32;
const isDigit = (char: number): boolean => char >= ZERO && char <= NINE;
const NUMBER = /-?[\d.eE+-]+/y;
const RESOURCE = '"resource"';

/** What the text of an event's data says without a parse. */
export interface DataText {
  /** Whether the text is one JSON object, with nothing but white space behind it. */
  isOne(): boolean;
  /**
   * The text of the resource as it was received, if JSON.stringify would write the parsed resource the same way. That
   * saves writing the resource again for its hash, and for the search for labels.
   *
   * - The hash stays the one of what JSON.stringify writes. So a repeat with other white space has the same hash, and
   *   the build before this one can compare its own.
   * - A text with an escape is not taken, because a label may be written with `\u`.
   * - The text is hashed and searched only. No part of it is served.
   *
   * @param members number of members of all objects in the parsed resource. With a duplicate key, the text has more.
   */
  resource(members: number): string | undefined;
}

/** @param data the text of an event's data. It is JSON, or the beginning of it is */
export function scanData(data: string): DataText {
  let scanned: Scan | undefined;
  const found = (): Scan => (scanned ??= scan(data));
  return {
    isOne: () => found().end >= 0 && data.slice(found().end).trim() === '',
    resource: (members) => {
      const { start, stop, colons, isPlain } = found();
      return isPlain && stop >= 0 && colons === members ? data.slice(start, stop) : undefined;
    },
  };
}

interface Scan {
  /** Index behind the object; -1 if it does not end. */
  end: number;
  /** Where the resource starts and ends; -1 without one. */
  start: number;
  stop: number;
  /** Number of colons in the resource outside of strings. */
  colons: number;
  /** Whether the text has no white space, no escape, and no number or key that JSON.stringify writes in another way. */
  isPlain: boolean;
}

function scan(data: string): Scan {
  const found: Scan = { end: -1, start: -1, stop: -1, colons: 0, isPlain: true };
  let depth = 0;
  let string = 0;
  for (let at = 0; at < data.length; at++) {
    const char = data.charCodeAt(at);
    if (char === QUOTE) {
      string = at;
      at = data.indexOf('"', at + 1);
      if (at < 0) return found;
      if (data.charCodeAt(at - 1) !== BACKSLASH) continue;
      at = endOfEscaped(data, string);
      found.isPlain = false;
      if (at < 0) return found;
    } else if (char === COLON) {
      if (depth === 1 && data.startsWith(RESOURCE, string)) {
        found.isPlain &&= found.start < 0;
        found.start = at + 1;
      } else if (found.stop < 0 && found.start >= 0) found.colons += 1;
      // JSON.stringify writes keys that are numbers first.
      if (isDigit(data.charCodeAt(string + 1))) found.isPlain = false;
    } else if (char === OPEN || char === OPEN_LIST) {
      depth += 1;
    } else if (char === CLOSE || char === CLOSE_LIST) {
      depth -= 1;
      // Of an escaped key, whose value an outer object holds.
      if (depth < 0) return found;
      if (depth === 1 && found.start >= 0 && found.stop < 0) found.stop = at + 1;
      if (depth > 0) continue;
      found.end = at + 1;
      break;
    } else if (char <= SPACE) {
      found.isPlain = false;
    } else if (found.isPlain && (char === MINUS || isDigit(char))) {
      NUMBER.lastIndex = at;
      const number = NUMBER.exec(data)![0];
      found.isPlain = String(Number(number)) === number;
      at += number.length - 1;
    }
  }
  // An escape need not be in front of a quotation mark.
  found.isPlain &&= !data.includes('\\');
  return found;
}

/** Index of the closing quotation mark of the string that starts at `at`; -1 if it does not end. */
function endOfEscaped(data: string, at: number): number {
  for (let i = at + 1; i < data.length; i++) {
    const char = data.charCodeAt(i);
    if (char === BACKSLASH) i += 1;
    else if (char === QUOTE) return i;
  }
  return -1;
}
