import type { PageLanguage } from '@provider-access/kernel';
import { languageNav, sandboxNotice } from './language-nav.ts';
import { escaped, publicPage } from './page.ts';
import { type Part, PARTS, type PartState, PROBE_COUNTS_MS, type Status } from './status-of.ts';

interface Words {
  readonly title: string;
  readonly all: Readonly<Record<PartState, string>>;
  readonly parts: string;
  readonly part: Readonly<Record<Part, string>>;
  readonly state: Readonly<Record<PartState, string>>;
  readonly dataTitle: string;
  /** `since` is HTML. */
  readonly data: Readonly<Record<Status['data']['status'], (since: string) => string>>;
  readonly testsTitle: string;
  readonly noTest: string;
  readonly passed: (at: string) => string;
  readonly failed: (at: string) => string;
  readonly lastPassed: (at: string) => string;
  readonly looked: (at: string) => string;
  readonly yourApp: string;
  readonly json: string;
  readonly home: string;
}

const MINUTES = PROBE_COUNTS_MS / 60_000;
const WORDS: Readonly<Record<PageLanguage, Words>> = {
  en: {
    title: 'Status of the Provider Access API',
    all: {
      available: 'The platform answers.',
      failing: 'The platform runs, but the last test failed.',
      'not-available': 'A part of the platform is not available.',
    },
    parts: 'Parts',
    part: { tokens: 'Tokens', reads: 'Reads and searches', exports: 'Exports' },
    state: { available: 'Available', failing: 'The last test failed', 'not-available': 'Not available' },
    dataTitle: 'Data',
    data: {
      fresh: () => 'The data is up to date.',
      late: (since) => `Some data is late. It has been due since ${since}.`,
      quiet: (since) => `Nothing new has come since ${since}.`,
      none: () => 'No data has come yet.',
      unknown: () => 'We cannot tell now whether the data is up to date.',
    },
    testsTitle: 'Tests',
    noTest: `No test ran in the last ${MINUTES} minutes.`,
    passed: (at) => `The last test passed at ${at}.`,
    failed: (at) => `The last test failed at ${at}.`,
    lastPassed: (at) => `The last test that passed ran at ${at}.`,
    looked: (at) => `We looked at ${at}. The page looks again when you load it, after ten seconds at the earliest.`,
    yourApp: 'Your app',
    json: 'This page as JSON',
    home: 'All links',
  },
  es: {
    title: 'Estado de la Provider Access API',
    all: {
      available: 'La plataforma responde.',
      failing: 'La plataforma funciona, pero la última prueba falló.',
      'not-available': 'Una parte de la plataforma no está disponible.',
    },
    parts: 'Partes',
    part: { tokens: 'Tokens', reads: 'Lecturas y búsquedas', exports: 'Exportaciones' },
    state: { available: 'Disponible', failing: 'La última prueba falló', 'not-available': 'No disponible' },
    dataTitle: 'Datos',
    data: {
      fresh: () => 'Los datos están al día.',
      late: (since) => `Algunos datos llegan tarde. Debían estar aquí desde ${since}.`,
      quiet: (since) => `No ha llegado nada nuevo desde ${since}.`,
      none: () => 'Todavía no ha llegado ningún dato.',
      unknown: () => 'Ahora no podemos decir si los datos están al día.',
    },
    testsTitle: 'Pruebas',
    noTest: `No hubo ninguna prueba en los últimos ${MINUTES} minutos.`,
    passed: (at) => `La última prueba salió bien: ${at}.`,
    failed: (at) => `La última prueba falló: ${at}.`,
    lastPassed: (at) => `La última prueba que salió bien: ${at}.`,
    looked: (at) => `Miramos el ${at}. La página mira otra vez cuando usted la carga, tras diez segundos como mínimo.`,
    yourApp: 'Su aplicación',
    json: 'Esta página como JSON',
    home: 'Todos los enlaces',
  },
};

/** An RFC 3339 instant for people, to the minute. */
const time = (at: string): string =>
  `<time datetime="${escaped(at)}">${escaped(`${at.slice(0, 10)} ${at.slice(11, 16)}`)} UTC</time>`;
const paragraphs = (...texts: readonly string[]): string => texts.map((text) => `<p>${text}</p>\n`).join('');

function tests({ at, tested }: Status, words: Words): string {
  const recent = tested !== undefined && Date.parse(at) - Date.parse(tested.at) <= PROBE_COUNTS_MS;
  if (recent && tested.passed) return paragraphs(words.passed(time(tested.at)));
  const last = tested?.lastPassed === undefined ? [] : [words.lastPassed(time(tested.lastPassed))];
  return paragraphs(recent ? words.failed(time(tested.at)) : words.noTest, ...last);
}

export function statusHtml(
  status: Status & { /** Plain text of the operator. */ readonly notice?: string },
  language: PageLanguage,
  { publicUrl, sandbox }: { readonly publicUrl: string; readonly sandbox: boolean },
): string {
  const words = WORDS[language];
  const { title } = words;
  const parts = PARTS.map((part) => `<dt>${words.part[part]}</dt><dd>${words.state[status.parts[part]]}</dd>`);
  const { since } = status.data;
  const base = escaped(publicUrl);
  return publicPage({
    language,
    title,
    before: languageNav('/status', language),
    main:
      sandboxNotice(language, sandbox) +
      `<h1>${title}</h1>\n` +
      (status.notice === undefined ? '' : `<p class="notice"><bdi>${escaped(status.notice)}</bdi></p>\n`) +
      `<p class="notice">${words.all[status.status]}</p>\n` +
      `<h2 id="parts">${words.parts}</h2>\n<dl>${parts.join('')}</dl>\n` +
      `<h2 id="data">${words.dataTitle}</h2>\n` +
      paragraphs(words.data[status.data.status](since === undefined ? '' : time(since))) +
      `<h2 id="tests">${words.testsTitle}</h2>\n` +
      tests(status, words) +
      paragraphs(
        words.looked(time(status.at)),
        `<a href="${base}/portal/developer">${words.yourApp}</a> · ` +
          `<a href="/status?format=json">${words.json}</a> · <a href="${base}/">${words.home}</a>`,
      ),
  });
}
