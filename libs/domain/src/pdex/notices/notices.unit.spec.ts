import { PAGE_LANGUAGES } from '@provider-access/kernel';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  type Counts,
  gradeOf,
  huertaOf,
  sentencesOf,
  spanishCounts,
  spanishSyllables,
} from '@provider-access/testing/reading-level';
import { missingParts } from '../../../test/pdex/notice-parts.ts';
import { blocksOf } from './document.ts';
import { noticePlaces } from './places.ts';
import { printNotice } from './print.ts';
import { type NoticeSettings, readNoticeSettings } from './settings.ts';
import { NOTICE_TEMPLATES, templateText, TO_CHECK } from './templates.ts';

const PUBLIC_URL = 'https://api.payer.example';
const SETTINGS = {
  payer: 'Valley Health',
  optOutLink: 'https://payer.example/opt-out',
  members: { phone: '1-800-555-0100', tty: '711', email: 'help@payer.example', address: 'PO Box 1, Boise, ID 83701' },
  providers: { phone: '1-800-555-0101', email: 'providers@payer.example' },
  counsel: Object.fromEntries(NOTICE_TEMPLATES.map((template) => [template, { en: '', es: '' }])),
} satisfies NoticeSettings;
const EACH = NOTICE_TEMPLATES.flatMap((template) => PAGE_LANGUAGES.map((language) => [template, language] as const));
const fault = (file: unknown): string => {
  const reading = readNoticeSettings(typeof file === 'string' ? file : JSON.stringify(file));
  return reading.ok ? 'no fault' : reading.fault;
};

test.each(EACH)('N34, N35: %s in %s has each part that it must have', (template, language) => {
  expect(missingParts(template, templateText(template, language))).toEqual([]);
});

test.each(['benefits', 'right', 'opt-out', 'opt-in', 'sent', 'care', 'contacts'])(
  'N34: a notice without the part %s is found',
  (part) => {
    for (const language of PAGE_LANGUAGES) {
      const text = templateText('member-notice', language);
      const without = text
        .split(/^(?=#)/m)
        .filter((section) => !section.includes(`{#${part}}`))
        .join('');
      expect(missingParts('member-notice', without)).toEqual([part]);
      const empty = text.replace(new RegExp(`(\\{#${part}\\}\\n)[^#]*`), '$1\n');
      expect(missingParts('member-notice', empty)).toEqual([part]);
    }
  },
);

test.each(NOTICE_TEMPLATES)('N36: %s reads at grade 8 or below in English', (template) => {
  const { text } = printNotice(template, 'en', SETTINGS, PUBLIC_URL);
  expect(sentencesOf(text).flat().length).toBeGreaterThan(100);
  expect(gradeOf(text)).toBeLessThanOrEqual(8);
});

test.each(NOTICE_TEMPLATES)('N36: %s reads at Fernández Huerta 70 or above in Spanish', (template) => {
  const counts = spanishCounts(printNotice(template, 'es', SETTINGS, PUBLIC_URL).text);
  expect(counts.words).toBeGreaterThan(100);
  expect(huertaOf(counts)).toBeGreaterThanOrEqual(70);
});

test('N36: the measures find texts that are hard to read', () => {
  const law =
    'A payer must provide a mechanism, including reasonable notification, by which a current enrollee or the ' +
    'personal representative of the enrollee may subsequently reconsider the availability of individually ' +
    'identifiable information.';
  expect(gradeOf(law)).toBeGreaterThan(16);
  const ley =
    'La entidad aseguradora proporcionará procedimientos administrativos mediante los cuales la persona ' +
    'beneficiaria, o su representante legalmente autorizado, reconsiderará posteriormente la disponibilidad de la ' +
    'información individual.';
  expect(huertaOf(spanishCounts(ley))).toBeLessThan(40);
});

/** Divided as in Ortografía de la lengua española (2010), II 2.1 and 2.2. */
test.each([
  ['a-é-re-o', 'aéreo'],
  ['ca-ca-o', 'cacao'],
  ['ca-í-da', 'caída'],
  ['ciu-dad', 'ciudad'],
  ['cui-da-do', 'cuidado'],
  ['a-ho-ra', 'ahora'],
  ['bú-ho', 'búho'],
  ['de-sahu-cio', 'desahucio'],
  ['guí-a', 'guía'],
  ['lin-güís-ti-ca', 'lingüística'],
  ['ley', 'ley'],
  ['ma-yo', 'mayo'],
  ['mé-di-co', 'médico'],
  ['o-a-sis', 'oasis'],
  ['pa-ís', 'país'],
  ['po-e-ta', 'poeta'],
  ['que', 'que'],
  ['U-ru-guay', 'Uruguay'],
  ['ver-güen-za', 'vergüenza'],
  ['y', 'y'],
] as const)('counts the syllables of %s', (divided, word) => {
  expect(spanishSyllables(word)).toBe(divided.split('-').length);
});

test('N36: the formula of Fernández Huerta gives what a table of its own gives', () => {
  // Per 100 words: 206.84 - 0.60 P - 1.02 F, P syllables in 100 words, F words in a sentence.
  const cases: readonly (readonly [Counts, number])[] = [
    [{ sentences: 5, words: 100, syllables: 200 }, 66.44],
    [{ sentences: 10, words: 100, syllables: 180 }, 88.64],
    [{ sentences: 4, words: 100, syllables: 230 }, 43.34],
  ];
  for (const [counts, expected] of cases) expect(huertaOf(counts)).toBeCloseTo(expected, 5);
});

test.each(EACH)('%s in %s has only places that are filled', (template, language) => {
  const places = noticePlaces({}, PUBLIC_URL, template, language);
  const used = [...templateText(template, language).matchAll(/\{\{(.*?)\}\}/g)].map(([, name]) => name!);
  expect(used.filter((name) => !Object.hasOwn(places, name))).toEqual([]);
  expect(used.filter((name) => name === 'counsel')).toHaveLength(1);
  expect(printNotice(template, language, SETTINGS, PUBLIC_URL).text.replaceAll('[ ]', '')).not.toMatch(/[{}[\]]/);
});

test('N36: a text marks what the payer has not stated, and the words of counsel', () => {
  const { text, missing } = printNotice('member-notice', 'en', { payer: 'Valley Health' }, PUBLIC_URL);
  expect(missing.toSorted()).toEqual(['address', 'counsel', 'email', 'optOutLink', 'phone', 'tty']);
  expect(text).toContain('Valley Health can share');
  expect(text).toContain('- Call [TELEPHONE] (TTY [TTY]).');
  expect(text).toContain('[WORDS OF COUNSEL: member-notice, en]');
  const whole = printNotice(
    'member-notice',
    'es',
    { ...SETTINGS, counsel: { 'member-notice': { es: 'Aviso.' } } },
    PUBLIC_URL,
  );
  expect([whole.missing, whole.text.endsWith('\n\nAviso.\n')]).toEqual([[], true]);
});

test('N36: the page for people lists each thing that a person must check', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../../../docs/notices.md'), 'utf8').replaceAll(
    /\s+/g,
    ' ',
  );
  for (const { check } of TO_CHECK) expect(page).toContain(check);
});

test('reads a list over several lines, and keeps the order of its items', () => {
  expect(blocksOf('1. one\n   and more\n2. two')).toEqual([
    { kind: 'list', ordered: true, items: [['one and more'], ['two']] },
  ]);
});

test.each([
  ['no JSON', 'nonsense', 'is not JSON'],
  ['a list', [], 'must be a JSON object'],
  ['a misspelt name', { pyer: '1' }, 'has a member other than "payer", "optOutLink"'],
  ['a misspelt contact', { members: { fone: '1' } }, '"members" must have the members "phone", "tty"'],
  ['contacts that are none', { providers: 'x' }, '"providers" must have the members "phone", "email"'],
  ['a number', { members: { phone: 18005550100 } }, '"members" "phone" must be one line'],
  ['two lines', { members: { address: 'a\nb' } }, '"members" "address" must be one line'],
  ['a place in a value', { payer: '{{counsel}}' }, '"payer" must be one line'],
  ['a script as a link', { optOutLink: 'javascript:alert(1)' }, '"optOutLink" must be an https URL'],
  ['a link without TLS', { optOutLink: 'http://payer.example' }, '"optOutLink" must be an https URL'],
  ['no address', { providers: { email: 'help' } }, '"providers" "email" must be an address'],
  ['an unknown template', { counsel: { letter: {} } }, '"counsel" must have the members "member-notice"'],
  ['an unknown language', { counsel: { 'web-page': { fr: '' } } }, '"counsel" "web-page" must have the members "en"'],
  ['words that are none', { counsel: { 'web-page': { en: 1 } } }, '"counsel" "web-page" "en" must be a text'],
])('refuses a file with %s', (_, file, expected) => {
  expect(fault(file)).toContain(expected);
});

test('takes a file with everything', () => {
  expect(readNoticeSettings(JSON.stringify(SETTINGS))).toEqual({ ok: true, policy: SETTINGS });
});
