import { createHash } from 'node:crypto';
import { request } from '@provider-access/process/testing';
import { DEFAULT_LABEL_POLICY, withDrugs } from '@provider-access/domain/pdex/labels';
import { NOTICE_TEMPLATES, type NoticeSettings } from '@provider-access/domain/pdex/notices';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ADMINISTRATOR, Bench, prepare, PUBLIC_URL } from '../../../test/harness.ts';
import type { AuthConfig } from '../../config.ts';
import { rulesOf } from './attribution-rules.ts';
import { languageOf } from './language.ts';

const SETTINGS: NoticeSettings = {
  payer: 'Valley <b>Health</b> & Sons',
  optOutLink: 'https://payer.example/opt-out?a="b"',
  members: { phone: '1-800-555-0100', tty: '711', email: 'help@payer.example', address: 'PO Box 1, Boise, ID 83701' },
  providers: { phone: '1-800-555-0101', email: 'providers@payer.example' },
  attribution: { en: 'We count visits of two years.' },
  counsel: Object.fromEntries(NOTICE_TEMPLATES.map((template) => [template, { en: '', es: '' }])),
};

let bench: Bench | undefined;
const get = async (url: string, headers: Record<string, string> = {}, config: Partial<AuthConfig> = {}) => {
  bench ??= await Bench.start({ config: { notices: SETTINGS, ...config } });
  return request(bench.app, url, { headers });
};
beforeAll(prepare);
afterEach(async () => {
  await bench?.stop();
  bench = undefined;
});

/** The rule of the language, by hand. */
test.each([
  [null, undefined, 'en'],
  [null, '', 'en'],
  [null, '*', 'en'],
  [null, 'fr', 'en'],
  [null, 'es', 'es'],
  [null, 'es-MX,es;q=0.9,en;q=0.8', 'es'],
  [null, 'en-US,en;q=0.9,es;q=0.8', 'en'],
  [null, 'fr, es;q=0.3, en;q=0.2', 'es'],
  [null, 'es;q=0, en;q=0.1', 'en'],
  [null, 'es;q=0', 'en'],
  [null, 'ES ; Q=1', 'es'],
  [null, 'es;q=nonsense', 'es'],
  [null, 'es;q=...', 'en'],
  [null, `${'fr,'.repeat(5000)}es`, 'en'],
  [null, 'esperanto', 'en'],
  ['es', 'en', 'es'],
  ['ES-us', 'en', 'es'],
  ['en', 'es', 'en'],
  ['fr', 'es', 'es'],
  ['<script>', undefined, 'en'],
  ['__proto__', undefined, 'en'],
] as const)('N42: lang=%s with Accept-Language %s is %s', (asked, accepted, expected) => {
  expect(languageOf(asked, accepted)).toBe(expected);
});

describe('/notice (R18, N33, N42)', () => {
  test.each([
    ['/notice', {}, 'en', 'You can say no'],
    ['/notice', { 'accept-language': 'es-US,es;q=0.9' }, 'es', 'Usted puede decir que no'],
    ['/notice?lang=es', { 'accept-language': 'en' }, 'es', 'Usted puede decir que no'],
    ['/notice?lang=es&show=opt-out-form', {}, 'es', 'No den mis datos a ningún médico.'],
    ['/notice?show=opt-in-form', {}, 'en', 'Share my data with all doctors'],
    ['/notice?show=web-page', {}, 'en', 'You can say no'],
    ['/notice?show=provider-letter', {}, 'en', 'You can say no'],
    ['/notice?lang=en&lang=es&other=1', {}, 'en', 'You can say no'],
  ] as const)('%s with %o is in %s', async (url, headers, language, words) => {
    const answer = await get(url, headers);
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-language': language,
        vary: 'accept-language',
        'cache-control': 'public, max-age=300',
        'referrer-policy': 'no-referrer',
      },
    });
    expect(answer.body).toContain(`<html lang="${language}">`);
    expect(answer.body).toContain(words);
  });

  test.each(['/notice', '/notice?lang=es', '/notice?show=opt-out-form', '/providers', '/'])(
    '%s sets no cookie, runs nothing, and needs nothing of other servers',
    async (url) => {
      const { headers, body } = await get(url, { accept: 'text/html', cookie: 'a=b' });
      expect(headers['set-cookie']).toBeUndefined();
      const style = /<style>(.*?)<\/style>/s.exec(body)![1]!;
      const hash = createHash('sha256').update(style).digest('base64');
      expect(headers['content-security-policy']).toBe(
        `default-src 'none'; style-src 'sha256-${hash}'; img-src 'self'; base-uri 'none'; ` +
          "form-action 'none'; frame-ancestors 'none'",
      );
      expect(headers['access-control-allow-origin']).toBeUndefined();
      expect(body).not.toMatch(/<script|\sstyle=|\son\w+=|<iframe|<img|<form|url\(/);
      expect([...body.matchAll(/ src="([^"]*)"|<link[^>]* href="([^"]*)"/g)].map(([, a, b]) => a ?? b)).toEqual([
        '/docs/icon.svg',
      ]);
    },
  );

  test("shows the payer's values as text, and marks those that nobody has stated", async () => {
    const full = await get('/notice');
    expect(full.body).toContain('Valley &lt;b>Health&lt;/b> &amp; Sons can share');
    expect(full.body).toContain('<a href="https://payer.example/opt-out?a=&quot;b&quot;">');
    expect(full.body).toContain(`<a href="${PUBLIC_URL}/notice?lang=en&amp;show=opt-out-form">`);
    expect(full.body).not.toContain('<mark>');
    await bench!.stop();
    bench = undefined;
    const bare = await get('/notice', {}, { notices: {} });
    expect(bare.body).toContain('<mark>[NAME OF THE HEALTH PLAN]</mark>');
    expect(bare.body).toContain('<mark>[WORDS OF COUNSEL: web-page, en]</mark>');
  });

  test('says in both languages that a sandbox is one', async () => {
    expect((await get('/notice', {}, { sandbox: true })).body).toContain('This is a sandbox: all data is synthetic.');
    expect((await get('/notice?lang=es')).body).toContain('Esto es una prueba');
  });

  test('takes GET and HEAD alone', async () => {
    expect((await get('/notice')).status).toBe(200);
    const posted = await request(bench!.app, '/notice', { method: 'POST' });
    expect([404, 405]).toContain(posted.status);
  });
});

describe('/providers (N50)', () => {
  test('R19: says how to ask, how attribution works here, and which lines are open', async () => {
    const { status, body, headers } = await get('/providers');
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    for (const id of ['shared', 'request', 'attribution', 'lines', 'contacts'])
      expect(body).toContain(`<h2 id="${id}">`);
    expect(body).toContain('We count visits of two years.');
    expect(body).toContain('All lines of business are open.');
    expect(body).toContain(`<a href="${PUBLIC_URL}/docs/tutorials/provider.html">`);
    expect(body).toContain('providers@payer.example');
    expect(body).not.toContain('<mark>');
  });

  test('says every rule of the running policy', async () => {
    const { body } = await get('/providers');
    const { holds, never } = rulesOf({ excludesDrugs: true, holdsUntilNotice: false });
    expect(holds.length).toBeGreaterThan(5);
    for (const rule of [...holds, ...never]) expect(body).toContain(rule);
  });

  test('N39: says that a member gets a notice first, where that is so', async () => {
    expect((await get('/providers', {}, { holdsUntilNotice: true })).body).toContain(
      'has got our notice about sharing',
    );
  });

  test('follows the running policy of drugs, when the day has come', async () => {
    const labels = withDrugs(DEFAULT_LABEL_POLICY, '2027-10-01T12:00:00.000Z');
    expect((await get('/providers', {}, { labels })).body).toContain('but not those for drugs');
    bench!.clock.ms = Date.parse('2027-10-01T12:00:00.000Z');
    expect((await get('/providers')).body).toContain('those for drugs included');
  });

  test('N60 tells since when each line of business is open, by the table in force', async () => {
    const { body } = await get('/providers');
    expect(body).toContain('All lines of business are open.');
    const lines = [
      { line: 'ma', name: 'Medicare <Advantage>', start: '2027-01-01', plans: ['H1'] },
      { line: 'mco', start: '2027-07-01', plans: ['M1', { plan: 'M2', start: '2027-10-01' }] },
      { line: 'qhp', plans: [] },
    ];
    const set = await bench!.call('POST', '/ops/lines', { token: ADMINISTRATOR, json: { lines } });
    expect(set.status).toBe(200);
    const after = (await get('/providers')).body;
    expect(after).toContain('<li>Medicare &lt;Advantage>: open since 2027-01-01.</li>');
    expect(after).toContain('<li>mco: opens on 2027-07-01. Some plans start on another day.</li>');
    expect(after).toContain('<li>qhp: not open yet.</li>');
    expect(after).not.toContain('All lines of business are open.');
    for (const plan of ['H1', 'M1']) expect(after).not.toContain(plan);
  });

  test('marks what the payer has not stated', async () => {
    expect((await get('/providers', {}, { notices: {} })).body).toContain(
      '<mark>[HOW THE HEALTH PLAN ATTRIBUTES MEMBERS]</mark>',
    );
  });
});
