/**
 * Text that is safe to show on a terminal or a page. Characters of the Unicode categories C, Zl and Zp are not allowed,
 * because they can hide or reorder the text beside them.
 */
export const PLAIN = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;
