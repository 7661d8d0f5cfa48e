import * as markdown from 'prettier/plugins/markdown';

/**
 * Prettier aligns the columns of every Markdown table, so a change of one long cell would rewrite all rows of its
 * table. Here a table that is wider than the page has one space around each cell instead, as with `proseWrap: never`.
 */
const base = markdown.printers.mdast;

/** Prettier takes the printer of the plugin that brings the parser. */
export const parsers = { markdown: markdown.parsers.markdown };
export const printers = {
  mdast: {
    ...base,
    print: (path, options, ...rest) =>
      base.print(path, path.node.type === 'table' ? { ...options, proseWrap: 'never' } : options, ...rest),
  },
};
