/**
 * Text that people read on a terminal or a page: no control, format, private or unassigned characters and no line or
 * paragraph separators (Unicode categories C, Zl, Zp). Nothing in it hides, moves or reorders what is beside it.
 */
export const PLAIN = /^[^\p{C}\p{Zl}\p{Zp}]+$/u;
