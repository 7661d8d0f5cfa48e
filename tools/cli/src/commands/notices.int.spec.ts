import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { pa } from '../../test/captured.ts';

const folder = mkdtempSync(join(tmpdir(), 'provider-access-notices-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

test('N36: prints a letter with the values of the payer, and names the places that are open', async () => {
  const settings = file(
    'notices.json',
    JSON.stringify({ payer: 'Valley Health', members: { phone: '1-800-555-0100' } }),
  );
  const args = ['notices', 'text', 'member-notice', '--lang', 'es', '--settings', settings];
  const printed = await pa(...args, '--public-url', 'https://api.valley.example');
  expect(printed.code).toBe(1);
  expect(printed.stdout).toContain('Valley Health puede dar sus datos de salud a sus médicos.');
  expect(printed.stdout).toContain('https://api.valley.example/notice');
  expect(printed.stderr).toContain('Nobody has filled these places: optOutLink, tty, address, email, counsel.');
});

test('ends with 0 if nothing is open', async () => {
  const settings = {
    payer: 'Valley Health',
    members: { phone: '1', tty: '711', address: 'Box 1' },
    optOutLink: 'https://valley.example/out',
    counsel: { 'opt-out-form': { en: 'Words of counsel.' } },
  };
  const path = file('all.json', JSON.stringify(settings));
  const printed = await pa('--json', 'notices', 'text', 'opt-out-form', '--settings', path);
  expect([printed.code, printed.stderr]).toEqual([0, '']);
  expect(JSON.parse(printed.stdout)).toMatchObject({ template: 'opt-out-form', language: 'en', missing: [] });
});

test.each([
  [['notices', 'text', 'letter'], /'letter' is invalid.*member-notice/],
  [['notices', 'text', 'web-page', '--lang', 'fr'], /'fr' is invalid.*en, es/],
  [['notices', 'text', 'web-page', '--settings', 'no/such/file'], /no\/such\/file cannot be read \(ENOENT\)/],
  [['notices', 'text', 'web-page', '--settings', file('bad.json', '{"fone":"1"}')], /has a member other than "payer"/],
])('pa %j is wrong usage', async (argv, sentence) => {
  const { code, stderr } = await pa(...argv);
  expect(code).toBe(2);
  expect(stderr).toMatch(sentence);
});

test('N36: lists what a person must check', async () => {
  const { code, stdout } = await pa('notices', 'checklist');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^\[ \] counsel: Counsel gives the words/m);
});
