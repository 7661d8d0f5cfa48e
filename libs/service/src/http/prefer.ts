/** A preference, with its value as a token or a quoted string: https://www.rfc-editor.org/rfc/rfc7240#section-2 */
const PREFERENCE =
  /([\w!#$%&'*+.^`|~-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([\w!#$%&'*+.^`|~-]+)))?|"(?:[^"\\]|\\.)*"/g;

/**
 * Whether the headers `Prefer` have `handling=lenient`. The first `handling` counts. Clients also write it behind a
 * semicolon.
 */
export function isLenient(prefer: string | readonly string[] | undefined): boolean {
  for (const [, name, quoted, token] of String(prefer ?? '').matchAll(PREFERENCE))
    if (name?.toLowerCase() === 'handling') return (quoted ?? token)?.toLowerCase() === 'lenient';
  return false;
}
