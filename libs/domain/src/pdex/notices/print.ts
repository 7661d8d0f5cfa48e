import type { PageLanguage } from '@provider-access/kernel';
import { blocksOf, type Inline } from './document.ts';
import { noticePlaces } from './places.ts';
import type { NoticeSettings } from './settings.ts';
import { type NoticeTemplate, templateText } from './templates.ts';

/** A text with the payer's values, as Markdown for a mail house, and the names of the places that nobody has stated. */
export function printNotice(
  template: NoticeTemplate,
  language: PageLanguage,
  settings: NoticeSettings,
  publicUrl: string,
): { readonly text: string; readonly missing: readonly string[] } {
  const places = noticePlaces(settings, publicUrl, template, language);
  const missing = new Set<string>();
  const words = (pieces: readonly Inline[]): string =>
    pieces
      .map((piece) => {
        if (typeof piece === 'string') return piece;
        const { text, missing: lacks } = places[piece.place]!;
        if (lacks) missing.add(piece.place);
        return text;
      })
      .join('');
  const text = blocksOf(templateText(template, language))
    .map((block) => {
      switch (block.kind) {
        case 'heading':
          return `${'#'.repeat(block.level)} ${words(block.text)}`;
        case 'paragraph':
          return words(block.text);
        case 'list':
          return block.items.map((item, at) => `${block.ordered ? `${at + 1}.` : '-'} ${words(item)}`).join('\n');
      }
    })
    .filter((block) => block !== '')
    .join('\n\n');
  return { text: `${text}\n`, missing: [...missing] };
}
