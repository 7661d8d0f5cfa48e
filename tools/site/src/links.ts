import { posix } from 'node:path';

const LINK = /\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)/g;
const ELSEWHERE = /^(?:[a-z]+:|#|\/)/;

/**
 * Leads the links of a page to the places of their targets on the site. A link to a file that the site does not have,
 * for example source code, becomes plain text, because the site does not know where the repository is hosted.
 */
export function relink(markdown: string, from: string, placeOf: (path: string) => string | undefined): string {
  const here = placeOf(from)!;
  return outsideOfCode(markdown, (line) =>
    line.replaceAll(LINK, (link: string, text: string, target: string) => {
      if (ELSEWHERE.test(target)) return link;
      const [path, anchor] = target.split('#', 2) as [string, string | undefined];
      const named = posix.normalize(posix.join(posix.dirname(from), path)).replace(/\/$/, '');
      const place = placeOf(named) ?? placeOf(`${named}/README.md`);
      if (place === undefined) return text;
      const relative = posix.relative(posix.dirname(here), place);
      return `[${text}](./${relative}${anchor === undefined ? '' : `#${anchor}`})`;
    }),
  );
}

/** Applies `change` to each paragraph that is not inside a code block: a link may go over the end of a line. */
function outsideOfCode(markdown: string, change: (text: string) => string): string {
  return markdown
    .split(/(^```[\s\S]*?^```$)/m)
    .map((part) => (part.startsWith('```') ? part : change(part)))
    .join('');
}

/** Shows `<tag>` and `{{ value }}` of a page as text. VitePress would read them as components and expressions. */
export const asText = (markdown: string): string =>
  outsideOfCode(markdown, (text) =>
    text
      .split(/(`[^`]*`)/)
      .map((part) =>
        part.startsWith('`')
          ? part
          : part.replaceAll(/<(?!https?:)(?=[\w/!])/g, '&lt;').replaceAll('{{', '&#123;&#123;'),
      )
      .join(''),
  );

/** The anchor of a heading, by the rule of the hosts of Git repositories, so that a link works there and here. */
export const slug = (heading: string): string =>
  heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}\s_-]/gu, '')
    .replace(/\s/g, '-');
