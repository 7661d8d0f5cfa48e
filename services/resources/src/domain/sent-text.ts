import type { Written } from '@provider-access/domain/pdex';

const [QUOTE, COMMA, COLON, MINUS, ZERO, NINE, BACKSLASH] = [34, 44, 58, 45, 48, 57, 92];
const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [91, 93, 123, 125];
const SPACE = 32;
const isDigit = (char: number): boolean => char >= ZERO && char <= NINE;
const NUMBER = /-?[\d.eE+-]+/y;
const RESOURCE = '"resource"';

/** What the text of an event's data says without a parse. */
export interface DataText {
  /** Whether the text is ASCII without escapes. */
  readonly isPlain: boolean;
  /** Whether the text is one JSON object, with nothing but white space behind it. */
  isOne(): boolean;
  /**
   * The text of the resource as it was received, if JSON.stringify would write the parsed resource the same way. That
   * saves writing the resource again for its hash, for the search for labels, and for its line if nothing changed.
   *
   * - The hash stays the one of what JSON.stringify writes. So a repeat with other white space has the same hash, and
   *   the build before this one can compare its own.
   * - A text with an escape is not taken, because a label may be written with `\u`.
   * - A text with a duplicate key is not taken, because the line must have nothing that the parse dropped.
   *
   * @param written what JSON.stringify writes of the parsed resource. With a duplicate key, the text is longer.
   */
  resource(written: Written): string | undefined;
}

export const hasNoEscape = (json: string): boolean => !json.includes('\\');

/**
 * @param data the text of an event's data. It is JSON, or the beginning of it is
 * @param isPlain whether the text is ASCII without escapes
 */
export function scanData(data: string, isPlain = false): DataText {
  let scanned: Scan | undefined;
  let isProven = false;
  const found = (): Scan => (scanned ??= scan(data));
  return {
    isPlain,
    isOne: () => isProven || (found().end >= 0 && data.slice(found().end).trim() === ''),
    resource: (written) => {
      if (isPlain && isWritten(data, written)) {
        isProven = true;
        return data.slice(START.length, START.length + written.size);
      }
      const { start, stop, colons, isPlain: isSame } = found();
      return isSame && stop >= 0 && colons === written.members ? data.slice(start, stop) : undefined;
    },
  };
}

const START = '{"resource":';
/** What may stand behind the resource. */
const REST = /^(?:,"sequence":\d{1,15})?\}$/;
const LONGEST_REST = 64;

/**
 * Whether the text is the data as JSON.stringify writes it, by its length. The end of the text is that of the parsed
 * data. The parsed data has the resource, and so the text is at least as long as what JSON.stringify writes of it. If
 * it is not longer, it has no white space, no duplicate key, and no number that is longer than it has to be. Numbers
 * that can be as short or shorter (`Written.unsure`) are looked for. One that stands there for a duplicate key makes
 * the text longer by more than the other one can make it shorter.
 */
function isWritten(data: string, { size, unsure }: Written): boolean {
  const stop = START.length + size;
  if (unsure === undefined || !data.startsWith(START) || data.length > stop + LONGEST_REST) return false;
  if (!REST.test(data.slice(stop))) return false;
  let at = START.length;
  for (const member of unsure) {
    do {
      at = data.indexOf(member, at);
      if (at < 0) return false;
      at += member.length;
    } while (data.charCodeAt(at) !== COMMA && data.charCodeAt(at) !== CLOSE);
  }
  return true;
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
