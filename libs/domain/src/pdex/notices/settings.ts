import { PAGE_LANGUAGES, type PageLanguage } from '@provider-access/kernel';
import { isObject } from '@provider-access/fhir/primitives';
import { hasOthers, type PolicyReading, quoted, readFile, type Schema } from '../policy-file.ts';
import { NOTICE_TEMPLATES, type NoticeTemplate } from './templates.ts';

type ByLanguage = Readonly<Partial<Record<PageLanguage, string>>>;
/** Where a member or a provider asks. Members also have TTY and a mail address. */
type Contacts<Name extends string> = Readonly<Partial<Record<Name, string>>>;

/** What a payer states for its texts (NOTICES_FILE). */
export interface NoticeSettings {
  /** The name that members know. */
  readonly payer?: string;
  /** Where a member opts out or in online. */
  readonly optOutLink?: string;
  readonly members?: Contacts<'phone' | 'tty' | 'email' | 'address'>;
  readonly providers?: Contacts<'phone' | 'email'>;
  /** How the payer attributes members to providers, for `/providers`. */
  readonly attribution?: ByLanguage;
  /** The words of counsel, by template and language. An empty text: counsel adds nothing. */
  readonly counsel?: Readonly<Partial<Record<NoticeTemplate, ByLanguage>>>;
}

const LINE = 300;
const WORDS = 5000;
const EMAIL = /^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$/;
/** A value of the file: one line. An address may have several, separated by commas. */
const isLine = (value: unknown): value is string =>
  typeof value === 'string' && value.trim() !== '' && value.length <= LINE && !/\p{Cc}|\{\{|\}\}/u.test(value);
const isLink = (value: string): boolean =>
  URL.canParse(value) && new URL(value).protocol === 'https:' && new URL(value).username === '';

const FILE: Schema = {
  payer: (value) => lineFault('"payer"', 'payer', value),
  optOutLink: (value) => lineFault('"optOutLink"', 'optOutLink', value),
  members: (value) => linesFault('members', ['phone', 'tty', 'email', 'address'], value),
  providers: (value) => linesFault('providers', ['phone', 'email'], value),
  attribution: (value) => textsFault('"attribution"', value),
  counsel: counselFault,
};

/** Reads the file of a payer. */
export const readNoticeSettings = (text: string): PolicyReading<NoticeSettings> => readFile(text, FILE);

/** What is wrong with the lines of a member of the file. */
function linesFault(member: string, names: readonly string[], lines: unknown): string | undefined {
  if (lines === undefined) return undefined;
  if (!isObject(lines) || hasOthers(lines, names))
    return `"${member}" must have the members ${quoted(names)} and no other`;
  for (const name of names) {
    const wrong = lineFault(`"${member}" "${name}"`, name, lines[name]);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
function lineFault(place: string, name: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (!isLine(value)) return `${place} must be one line of at most ${LINE} characters, without {{ and }}`;
  if (name === 'email' && !EMAIL.test(value)) return `${place} must be an address such as help@payer.example`;
  if (name === 'optOutLink' && !isLink(value)) return `${place} must be an https URL without a user name`;
  return undefined;
}

/** What is wrong with texts by language. */
function textsFault(place: string, texts: unknown): string | undefined {
  if (texts === undefined) return undefined;
  if (!isObject(texts) || hasOthers(texts, PAGE_LANGUAGES))
    return `${place} must have the members "en" and "es" and no other`;
  const wrong = Object.entries(texts).find(
    ([, words]) => typeof words !== 'string' || words.length > WORDS || /\{\{|\}\}/.test(words),
  );
  if (wrong === undefined) return undefined;
  return `${place} "${wrong[0]}" must be a text of at most ${WORDS} characters, without {{ and }}`;
}

function counselFault(counsel: unknown): string | undefined {
  if (counsel === undefined) return undefined;
  if (!isObject(counsel) || hasOthers(counsel, NOTICE_TEMPLATES))
    return `"counsel" must have the members ${quoted(NOTICE_TEMPLATES)} and no other`;
  for (const [template, texts] of Object.entries(counsel)) {
    const wrong = textsFault(`"counsel" "${template}"`, texts);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
