/** A NUCC taxonomy code: ten capital letters and digits, the last one X. */
export const isCategory = (code: string): boolean => /^[0-9A-Z]{9}X$/.test(code);
/**
 * Whether a specialty is in a category. A code that ends in `00000X` is a whole group: 207R00000X (internal medicine)
 * has 207RC0000X (cardiovascular disease) in it. The group is the wider reading, because denial wins.
 */
export const isInCategory = (specialty: string, category: string): boolean =>
  specialty === category || (category.endsWith('00000X') && specialty.slice(0, 4) === category.slice(0, 4));
