import type { PageLanguage } from '@provider-access/kernel';
import type { NoticeSettings } from './settings.ts';
import type { NoticeTemplate } from './templates.ts';

/**
 * What stands in a place of a template. `missing`: the payer has not stated it, and the text is a mark that a reader
 * cannot overlook.
 */
export interface Filled {
  readonly text: string;
  readonly href?: string;
  readonly missing?: true;
}

interface Words {
  readonly optOutForm: string;
  readonly optInForm: string;
}
const WORDS: Readonly<Record<PageLanguage, Words>> = {
  en: { optOutForm: 'the opt-out form', optInForm: 'the opt-in form' },
  es: { optOutForm: 'la hoja para decir que no', optInForm: 'la hoja para decir que sí' },
};
/** The marks of what the payer has not stated. They are for the payer, so they are in English in all texts. */
const MARKS = {
  payer: 'NAME OF THE HEALTH PLAN',
  phone: 'TELEPHONE',
  tty: 'TTY',
  email: 'EMAIL',
  address: 'MAIL ADDRESS',
  optOutLink: 'LINK TO OPT OUT',
  providerPhone: 'TELEPHONE FOR PROVIDERS',
  providerEmail: 'EMAIL FOR PROVIDERS',
} as const;

const link = (url: string, text = url): Filled => ({ text, href: url });

/** Absolute addresses of the public pages. */
export const noticeLinks = (publicUrl: string) => ({
  notice: `${publicUrl}/notice`,
  providers: `${publicUrl}/providers`,
  docs: `${publicUrl}/docs/`,
  register: `${publicUrl}/auth/register`,
});

/** What stands in each place of a template. */
export function noticePlaces(
  settings: NoticeSettings,
  publicUrl: string,
  template: NoticeTemplate,
  language: PageLanguage,
): Readonly<Record<string, Filled>> {
  const { members = {}, providers = {} } = settings;
  const stated = (value: string | undefined, mark: keyof typeof MARKS, href?: (value: string) => string): Filled => {
    if (value === undefined) return { text: `[${MARKS[mark]}]`, missing: true };
    return href === undefined ? { text: value } : link(href(value), value);
  };
  const mail = (value: string): string => `mailto:${value}`;
  const links = noticeLinks(publicUrl);
  const form = (kind: 'opt-out-form' | 'opt-in-form'): string => `${links.notice}?lang=${language}&show=${kind}`;
  const counsel = settings.counsel?.[template]?.[language];
  return {
    payer: stated(settings.payer, 'payer'),
    phone: stated(members.phone, 'phone'),
    tty: stated(members.tty, 'tty'),
    address: stated(members.address, 'address'),
    email: stated(members.email, 'email', mail),
    optOutLink: stated(settings.optOutLink, 'optOutLink', (value) => value),
    providerPhone: stated(providers.phone, 'providerPhone'),
    providerEmail: stated(providers.email, 'providerEmail', mail),
    noticeLink: link(links.notice),
    providersLink: link(links.providers),
    docsLink: link(links.docs),
    registerLink: link(links.register),
    optOutForm: link(form('opt-out-form'), WORDS[language].optOutForm),
    optInForm: link(form('opt-in-form'), WORDS[language].optInForm),
    counsel:
      counsel === undefined
        ? { text: `[WORDS OF COUNSEL: ${template}, ${language}]`, missing: true }
        : { text: counsel },
    line: { text: '______________________________' },
    box: { text: '[ ]' },
  };
}
