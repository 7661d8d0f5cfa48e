import type { PageLanguage } from '@provider-access/kernel';
import { MEMBER_NOTICE_EN, WEB_PAGE_EN } from './texts/notice.en.ts';
import { MEMBER_NOTICE_ES, WEB_PAGE_ES } from './texts/notice.es.ts';
import { OPT_IN_FORM_EN } from './texts/opt-in-form.en.ts';
import { OPT_IN_FORM_ES } from './texts/opt-in-form.es.ts';
import { OPT_OUT_FORM_EN } from './texts/opt-out-form.en.ts';
import { OPT_OUT_FORM_ES } from './texts/opt-out-form.es.ts';
import { PROVIDER_LETTER_EN } from './texts/provider-letter.en.ts';
import { PROVIDER_LETTER_ES } from './texts/provider-letter.es.ts';

const TEXTS = {
  'member-notice': { en: MEMBER_NOTICE_EN, es: MEMBER_NOTICE_ES },
  'opt-out-form': { en: OPT_OUT_FORM_EN, es: OPT_OUT_FORM_ES },
  'opt-in-form': { en: OPT_IN_FORM_EN, es: OPT_IN_FORM_ES },
  'provider-letter': { en: PROVIDER_LETTER_EN, es: PROVIDER_LETTER_ES },
  'web-page': { en: WEB_PAGE_EN, es: WEB_PAGE_ES },
} as const satisfies Record<string, Record<PageLanguage, string>>;
export type NoticeTemplate = keyof typeof TEXTS;
export const NOTICE_TEMPLATES = Object.keys(TEXTS) as readonly NoticeTemplate[];

/** A template as Markdown, with places such as `{{payer}}` (`noticePlaces`). */
export const templateText = (template: NoticeTemplate, language: PageLanguage): string => TEXTS[template][language];

/** What a person must check before a text is used, by the id of the part. `docs/notices.md` has the same list. */
export const TO_CHECK: readonly { readonly part: string; readonly check: string }[] = [
  {
    part: 'all',
    check: 'Counsel reads each text against 42 CFR 422.121(a)(4) and (a)(5), and the rules of the states.',
  },
  { part: 'all', check: 'A person whose first language is Spanish reads the Spanish texts.' },
  { part: 'counsel', check: 'Counsel gives the words of the marked place, or says that it stays empty.' },
  { part: 'shared', check: 'Each kind of data in the list is really shared, and no other is.' },
  { part: 'not-shared', check: 'The labels and the drugs that are withheld are those of the running policy.' },
  { part: 'opt-out', check: 'Each way works: the link, the telephone, the address, and TTY.' },
  { part: 'choice', check: 'The payer can record an opt-out for some doctors from what the form asks.' },
  { part: 'signature', check: 'Counsel says which papers show that a representative may sign.' },
  { part: 'language', check: 'The payer adds the taglines of other languages that its contracts ask for.' },
];
