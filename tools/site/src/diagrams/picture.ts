import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DIAGRAMS } from '../paths.ts';

/** Pixels. A wider picture scrolls on a phone, because its text would be too small. */
const WIDE = 640;
const FENCE = /^```mermaid\n([\s\S]*?)^```$/gm;

/** The text of each diagram of a page. */
export const diagramsOf = (markdown: string): string[] => [...markdown.matchAll(FENCE)].map(([, text]) => text!);

/** The name of a diagram's picture. It changes with the text, so a picture is never older than its diagram. */
export const pictureName = (text: string): string =>
  `${createHash('sha256').update(text).digest('hex').slice(0, 12)}.svg`;

/** Replaces each diagram by its picture. @throws if the picture is missing */
export function withPictures(markdown: string, page: string): string {
  return markdown.replaceAll(FENCE, (_fence, text: string) => {
    const name = pictureName(text);
    if (!existsSync(join(DIAGRAMS, name)))
      throw new Error(`${page}: a diagram has no picture. Run \`npm run diagrams -w @provider-access/site\`.`);
    const width = Number(/ width="(\d+)/.exec(readFileSync(join(DIAGRAMS, name), 'utf8'))![1]);
    return (
      `<a class="diagram${width > WIDE ? ' wide' : ''}" href="/docs/diagrams/${name}" target="_blank">` +
      `<img src="/diagrams/${name}" alt="${description(text)}" loading="lazy"></a>`
    );
  });
}

/** Names the parts for readers who do not see the picture. The text of the page describes what happens. */
function description(text: string): string {
  const sequence = text.startsWith('sequenceDiagram');
  const names = sequence
    ? [...text.matchAll(/^\s*participant\s+\w+\s+as\s+(.+)$/gm)]
    : [...text.matchAll(/\w(?:\(\[|\[\(|\{\{|\["|\[|\{)"?([^\]{}()"[]+)/g)];
  const list = [...new Set(names.map(([, name]) => name!.replaceAll(/<[^>]*>/g, ' ').trim()))].slice(0, 10).join('; ');
  return escaped(`${sequence ? 'Sequence diagram' : 'Diagram'}${list === '' ? '' : ` with ${list}`}`);
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
