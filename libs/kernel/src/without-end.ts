/**
 * The text without these signs at its end. A regular expression such as `/\/+$/` tries each slash of a text as the
 * first one, so a megabyte of slashes before another letter would stop the process for an hour.
 */
export function withoutEnd(text: string, signs = '/'): string {
  let end = text.length;
  while (end > 0 && signs.includes(text[end - 1]!)) end--;
  return text.slice(0, end);
}
