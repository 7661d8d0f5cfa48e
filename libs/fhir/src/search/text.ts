const ASCII = /^[\u0020-\u007e]*$/;

/**
 * The form in which strings are compared: lower case, without accents, and each run of white space as one space. Lone
 * surrogates become U+FFFD, as they do in every store that writes UTF-8.
 */
export function fold(text: string): string {
  const lower = ASCII.test(text)
    ? text.toLowerCase()
    : text.toWellFormed().normalize('NFD').toLowerCase().replace(/\p{M}/gu, '');
  return lower.replace(/\s+/g, ' ').trim();
}

/** The form in which codes are compared. R4 asks servers to ignore case when in doubt; accents belong to a code. */
export const foldCode = (code: string): string => (ASCII.test(code) ? code : code.toWellFormed()).toLowerCase();
