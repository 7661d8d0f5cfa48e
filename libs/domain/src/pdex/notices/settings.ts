import { isObject } from '@provider-access/fhir';
import { fault, type PolicyReading } from '../policy-file.ts';
import { NOTICE_LANGUAGES, NOTICE_TEMPLATES, type NoticeLanguage, type NoticeTemplate } from './templates.ts';

/** What a payer states for its texts (NOTICES_FILE). */
export interface NoticeSettings {
  /** The name that members know. */
  readonly payer?: string;
  readonly phone?: string;
  readonly tty?: string;
  readonly email?: string;
  readonly address?: string;
  /** Where a member opts out or in online. */
  readonly optOutLink?: string;
  readonly providerPhone?: string;
  readonly providerEmail?: string;
  /** How the payer attributes members to providers, for `/providers`. */
  readonly attribution?: Readonly<Partial<Record<NoticeLanguage, string>>>;
  /** The words of counsel, by template and language. An empty text: counsel adds nothing. */
  readonly counsel?: Readonly<Partial<Record<NoticeTemplate, Readonly<Partial<Record<NoticeLanguage, string>>>>>>;
}

const LINE = 300;
const WORDS = 5000;
const EMAIL = /^[^\s@<>"]+@[^\s@<>"]+\.[^\s@<>"]+$/;
/** A value of the file: one line. An address may have several, separated by commas. */
const isLine = (value: unknown): value is string =>
  typeof value === 'string' && value.trim() !== '' && value.length <= LINE && !/\p{Cc}|\{\{|\}\}/u.test(value);
const isLink = (value: string): boolean =>
  URL.canParse(value) && new URL(value).protocol === 'https:' && new URL(value).username === '';

const LINES = ['payer', 'phone', 'tty', 'email', 'address', 'optOutLink', 'providerPhone', 'providerEmail'] as const;

/** Reads the file of a payer. It ignores nothing, because a misspelt name would leave a place empty. */
export function readNoticeSettings(text: string): PolicyReading<NoticeSettings> {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    return fault('is not JSON');
  }
  if (!isObject(file)) return fault('must be a JSON object');
  const known: readonly string[] = [...LINES, 'attribution', 'counsel'];
  if (Object.keys(file).some((name) => !known.includes(name)))
    return fault(`has a member other than ${known.map((name) => `"${name}"`).join(', ')}`);
  for (const name of LINES) {
    const value = file[name];
    if (value === undefined) continue;
    if (!isLine(value)) return fault(`"${name}" must be one line of at most ${LINE} characters, without {{ and }}`);
    if (/email$/i.test(name) && !EMAIL.test(value))
      return fault(`"${name}" must be an address such as help@payer.example`);
    if (name === 'optOutLink' && !isLink(value)) return fault(`"${name}" must be an https URL without a user name`);
  }
  const wrong = textsFault('"attribution"', file['attribution']) ?? counselFault(file['counsel']);
  return wrong === undefined ? { ok: true, policy: file as NoticeSettings } : fault(wrong);
}

/** What is wrong with texts by language. */
function textsFault(place: string, texts: unknown): string | undefined {
  if (texts === undefined) return undefined;
  if (!isObject(texts) || Object.keys(texts).some((name) => !(NOTICE_LANGUAGES as readonly string[]).includes(name)))
    return `${place} must have the members "en" and "es" and no other`;
  const wrong = Object.entries(texts).find(
    ([, words]) => typeof words !== 'string' || words.length > WORDS || /\{\{|\}\}/.test(words),
  );
  if (wrong === undefined) return undefined;
  return `${place} "${wrong[0]}" must be a text of at most ${WORDS} characters, without {{ and }}`;
}

function counselFault(counsel: unknown): string | undefined {
  if (counsel === undefined) return undefined;
  if (
    !isObject(counsel) ||
    Object.keys(counsel).some((name) => !(NOTICE_TEMPLATES as readonly string[]).includes(name))
  )
    return `"counsel" must have the members ${NOTICE_TEMPLATES.map((name) => `"${name}"`).join(', ')} and no other`;
  for (const [template, texts] of Object.entries(counsel)) {
    const wrong = textsFault(`"counsel" "${template}"`, texts);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}
