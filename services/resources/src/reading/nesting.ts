/**
 * How many objects and lists of an event's data may stand in one another. The shape of a resource allows 64
 * (libs/fhir). Data that are nested deeper than this are never a resource, and JavaScript walks and copies them with a
 * stack that ends at some thousands: `structuredClone` fails at 5,000, and `JSON.stringify` did before Node 26.
 */
export const MOST_NESTED = 1_000;

const [QUOTE, BACKSLASH] = [34, 92];
const [OPEN_LIST, CLOSE_LIST, OPEN, CLOSE] = [91, 93, 123, 125];

/** Whether more than `MOST_NESTED` objects and lists stand in one another. @param json what JSON.stringify wrote */
export function isNestedTooDeeply(json: string): boolean {
  if (json.length <= MOST_NESTED) return false;
  let depth = 0;
  for (let at = 0; at < json.length; at++) {
    const char = json.charCodeAt(at);
    if (char === QUOTE) at = endOfString(json, at);
    else if (char === OPEN || char === OPEN_LIST) depth += 1;
    else if (char === CLOSE || char === CLOSE_LIST) depth -= 1;
    if (depth > MOST_NESTED) return true;
  }
  return false;
}

/** The index of the quotation mark that ends the string which begins at `start`. */
function endOfString(json: string, start: number): number {
  for (let at = start + 1; ; at++) {
    const char = json.charCodeAt(at);
    if (char === BACKSLASH) at += 1;
    else if (char === QUOTE) return at;
  }
}
