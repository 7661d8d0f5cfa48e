/** A piece of a line: words, or the name of a place. */
export type Inline = string | { readonly place: string };
export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2; readonly id?: string; readonly text: readonly Inline[] }
  | { readonly kind: 'paragraph'; readonly text: readonly Inline[] }
  | { readonly kind: 'list'; readonly ordered: boolean; readonly items: readonly (readonly Inline[])[] };

const PLACE = /\{\{(\w+)\}\}/;
const ITEM = /^(?:-|(\d+)\.) (.*)$/;
const HEADING = /^(#{1,2}) (.*?)(?: \{#([\w-]+)\})?$/;

/** `words {{place}} words` in pieces. */
const inline = (text: string): readonly Inline[] =>
  text
    .split(PLACE)
    .map((piece, at) => (at % 2 === 0 ? piece : { place: piece }))
    .filter((piece) => piece !== '');

/**
 * The blocks of a template. Markdown of the templates has headings, paragraphs and lists, separated by empty lines. A
 * line that begins no item goes on with the one before.
 */
export const blocksOf = (text: string): readonly Block[] =>
  text
    .trim()
    .split(/\n\s*\n/)
    .map((chunk): Block => {
      const lines = chunk.split('\n');
      const heading = HEADING.exec(lines[0]!);
      if (heading !== null) {
        const [, marks, words, id] = heading;
        return {
          kind: 'heading',
          level: marks === '#' ? 1 : 2,
          text: inline(words!),
          ...(id !== undefined && { id }),
        };
      }
      const first = ITEM.exec(lines[0]!);
      if (first === null) return { kind: 'paragraph', text: inline(lines.join(' ')) };
      const items: string[] = [];
      for (const line of lines) {
        const item = ITEM.exec(line);
        if (item !== null) items.push(item[2]!);
        else items.push(`${items.pop()!} ${line.trim()}`);
      }
      return { kind: 'list', ordered: first[1] !== undefined, items: items.map(inline) };
    });
