/** A preference, with its value as a token or a quoted string: https://www.rfc-editor.org/rfc/rfc7240#section-2 */
const PREFERENCE =
  /([\w!#$%&'*+.^`|~-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~-]+)))?|"(?:[^"\\]|\\.)*"/g;

/**
 * Whether the headers `Prefer` have `handling=lenient`. The first `handling` counts. Clients also write it behind a
 * semicolon.
 */
export const isLenient = (prefer: string | readonly string[] | undefined): boolean =>
  valueOf(prefer, 'handling')?.toLowerCase() === 'lenient';

/** Whether the headers `Prefer` have a preference that takes no value. */
export const hasPreference = (prefer: string | readonly string[] | undefined, name: string): boolean =>
  valueOf(prefer, name) === '';

/** The value of the first preference of a name; empty if it has none. */
function valueOf(prefer: string | readonly string[] | undefined, of: string): string | undefined {
  for (const [, name, quoted, token] of String(prefer ?? '').matchAll(PREFERENCE))
    if (name?.toLowerCase() === of) return quoted ?? token ?? '';
  return undefined;
}
