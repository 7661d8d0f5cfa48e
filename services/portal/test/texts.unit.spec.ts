import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gradeOf, huertaOf, spanishCounts } from '@provider-access/testing/reading-level';
import { describe, expect, test } from 'vitest';

const FOLDER = join(import.meta.dirname, '../src/texts');
const SOURCES = join(import.meta.dirname, '../src');
const read = (file: string): Record<string, string> =>
  JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) as Record<string, string>;
const places = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!).sort();

/** N53: texts come from files, in English and Spanish. */
describe.each(readdirSync(FOLDER).filter((name) => name.endsWith('.en.json')))('the texts of %s', (file) => {
  const en = read(file);
  const es = read(file.replace('.en.', '.es.'));

  test('are in both languages, with the same places', () => {
    expect(Object.keys(es)).toEqual(Object.keys(en));
    for (const [key, text] of Object.entries(en)) {
      expect(text.trim(), key).not.toBe('');
      expect(es[key]!.trim(), key).not.toBe('');
      expect(places(es[key]!), key).toEqual(places(text));
    }
  });
});

test('no page has a text of its own', () => {
  const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tsx'));
  expect(files.length).toBeGreaterThan(5);
  const found = files.flatMap((name) => {
    const code = readFileSync(join(SOURCES, name), 'utf8');
    // What stands between two tags and has a word.
    return [...code.matchAll(/<\w[^<>]*[^=]>([^<>{}]*\p{L}{3}[^<>{}]*)<\//gu)].map(([, text]) => `${name}: ${text}`);
  });
  expect(found.filter((text) => !/\.tsx: \/docs$/.test(text))).toEqual([]);
});

test('each reason why an app gets nothing, and each change, has a text for auditors', () => {
  const words = readFileSync(join(import.meta.dirname, '../../../libs/events/src/audit-words.ts'), 'utf8');
  const reasons = ['DENIALS', 'ABSENCES', 'SUSPICIONS'].flatMap((table) => {
    const rows = new RegExp(`export const ${table} = \\{([^}]+)\\}`).exec(words)![1]!;
    return [...rows.matchAll(/^ {2}'?([a-z-]+)'?:/gm)].map(([, reason]) => reason!);
  });
  expect(reasons.length).toBeGreaterThan(20);
  const page = readFileSync(join(import.meta.dirname, '../../../docs/explain.md'), 'utf8');
  const row = page.split('\n').find((line) => line.startsWith('| `changes` |'))!;
  const changes = [...row.replace('| `changes` |', '').matchAll(/`([a-z-]+)`/g)].map(([, change]) => change!);
  expect(changes.length).toBeGreaterThan(8);
  const keys = [...reasons.map((one) => `why.${one}`), ...changes.map((one) => `change.${one}`)];
  expect(keys.filter((key) => !(key in read('audit.en.json')))).toEqual([]);
});

test('each way in which an app takes data has a text for reviewers', () => {
  const words = readFileSync(join(import.meta.dirname, '../../../libs/events/src/audit-words.ts'), 'utf8');
  const gives = [...words.matchAll(/^ {2}'?([a-z-]+)'?: \{ purpose: '\w+', gives: (?!undefined)/gm)].map(
    ([, name]) => name!,
  );
  expect(gives.length).toBeGreaterThan(5);
  expect(gives.filter((one) => !(`use.action.${one}` in read('reviews.en.json')))).toEqual([]);
});

test('each reason of a dead letter has a text for engineers', () => {
  const table = readFileSync(join(import.meta.dirname, '../../../libs/events/src/fault-reasons.ts'), 'utf8');
  const reasons = [...table.matchAll(/^ {2}'([a-z0-9-]+)':/gm)].map(([, reason]) => `reason.${reason!}`);
  expect(reasons.length).toBeGreaterThan(20);
  // These two are answers to a request, and never reasons of a dead letter.
  const refused = ['reason.not-utf8', 'reason.log-unavailable'];
  expect(reasons.filter((key) => !(key in read('letters.en.json')) && !refused.includes(key))).toEqual([]);
});

test('each fault of a file and each cause of a confirmation has a text for engineers', () => {
  const codesOf = (file: string): string[] => {
    const code = readFileSync(join(import.meta.dirname, '../../../libs/full-files/src', file), 'utf8');
    return [...code.matchAll(/readonly code: ((?:'[a-z-]+'(?: \| )?)+)/g)].flatMap(([, union]) =>
      [...union!.matchAll(/'([a-z-]+)'/g)].map(([, one]) => one!),
    );
  };
  const [faults, causes] = [codesOf('fault.ts'), codesOf('report.ts')];
  expect([faults.length > 15, causes.length > 5]).toEqual([true, true]);
  // These come from options of `pa`, and no file of the page has them.
  const others = ['map', 'absent-mark', 'no-batch', 'no-undo'].map((code) => `imports.fault.${code}`);
  const keys = [...faults.map((code) => `imports.fault.${code}`), ...causes.map((code) => `imports.cause.${code}`)];
  expect(keys.filter((key) => !(key in read('imports.en.json')) && !others.includes(key))).toEqual([]);
});

/** PEOPLE.md N36, as the notices are measured: sentences alone, because headings and buttons make it look easy. */
describe('the texts for members are in plain language', () => {
  const sentences = (file: string): string =>
    Object.values(read(file))
      .filter((text) => /[.!?]$/.test(text))
      .join(' ');

  test('English has at most grade 8 of Flesch-Kincaid', () => {
    expect(sentences('member.en.json').length).toBeGreaterThan(1000);
    expect(gradeOf(sentences('member.en.json'))).toBeLessThanOrEqual(8);
  });
  test('Spanish has at least 70 of Fernández Huerta', () => {
    expect(sentences('member.es.json').length).toBeGreaterThan(1000);
    expect(huertaOf(spanishCounts(sentences('member.es.json')))).toBeGreaterThanOrEqual(70);
  });
  test('what a call centre reads out and prints is as plain', () => {
    for (const language of ['en', 'es']) expect(sentences(`calls.${language}.json`).length).toBeGreaterThan(500);
    expect(gradeOf(sentences('calls.en.json'))).toBeLessThanOrEqual(8);
    expect(huertaOf(spanishCounts(sentences('calls.es.json')))).toBeGreaterThanOrEqual(70);
  });
});
