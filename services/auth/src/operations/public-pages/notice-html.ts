import type { PageLanguage } from '@provider-access/kernel';
import {
  blocksOf,
  type Filled,
  type Inline,
  noticePlaces,
  type NoticeSettings,
  type NoticeTemplate,
  templateText,
} from '@provider-access/domain/pdex/notices';
import { escaped } from './page.ts';

/** A value of the payer as HTML. What the payer has not stated is marked. */
export function filledHtml({ text, href, missing }: Filled): string {
  if (missing) return `<mark>${escaped(text)}</mark>`;
  return href === undefined ? escaped(text) : `<a href="${escaped(href)}">${escaped(text)}</a>`;
}
/** Places that a person fills in by hand. */
const BY_HAND: Readonly<Record<string, string>> = {
  line: '<span class="line"></span>',
  box: '<span class="box"></span>',
};

/** A text of the payer as HTML, and its title as plain text. */
export function noticeHtml(
  template: NoticeTemplate,
  language: PageLanguage,
  settings: NoticeSettings,
  publicUrl: string,
): { readonly title: string; readonly html: string } {
  const places = noticePlaces(settings, publicUrl, template, language);
  const words = (pieces: readonly Inline[]): string =>
    pieces
      .map((piece) =>
        typeof piece === 'string' ? escaped(piece) : (BY_HAND[piece.place] ?? filledHtml(places[piece.place]!)),
      )
      .join('');
  let title = '';
  let html = '';
  for (const block of blocksOf(templateText(template, language))) {
    if (block.kind === 'list') {
      const tag = block.ordered ? 'ol' : 'ul';
      html += `<${tag}>${block.items.map((item) => `<li>${words(item)}</li>`).join('')}</${tag}>\n`;
    } else if (block.kind === 'heading') {
      const id = block.id === undefined ? '' : ` id="${block.id}"`;
      html += `<h${block.level}${id}>${words(block.text)}</h${block.level}>\n`;
      title ||= block.text.map((piece) => (typeof piece === 'string' ? piece : places[piece.place]!.text)).join('');
    } else {
      const text = words(block.text);
      if (text !== '') html += `<p>${text}</p>\n`;
    }
  }
  return { title, html };
}
