import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { eventually } from '@provider-access/testing';
import { variant } from '@provider-access/testing/variant';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, Clicks, faultsOf, LOOKS, picture, PortalBench, weigh } from './bench.ts';

const PATH = '/portal/imports';
const MOST_CLICKS = 12;
const OTHERS = ['reviewer', 'auditor', 'operator', 'call-centre', 'compliance', 'dead-letter-reader'];
const ROUTES = [
  ['GET', '/ops/imports'],
  ['POST', '/ops/imports'],
  ['POST', '/ops/imports/undo'],
  ['GET', '/ops/imports/imp-x'],
  ['PUT', '/ops/imports/imp-x/parts/0'],
  ['POST', '/ops/imports/imp-x/check'],
  ['POST', '/ops/imports/imp-x/confirm'],
  ['DELETE', '/ops/imports/imp-x'],
  ['GET', '/ops/sources'],
] as const;
/** What a stranger may write into a cell, a header and the name of a file. */
const SCRIPT = '<img src=x onerror=alert(1)>';
const NPI = '1234567893';
const TODAY = new Date().toISOString().slice(0, 10);
const MEMBERS = Array.from({ length: 40 }, (_, n) => `m-page-${n}`);

const HEADER = ['member', 'npi', 'from', 'note'];
/** A roster of these members. */
const roster = (members: readonly string[], note = '', header = HEADER, separator = ','): string =>
  [header, ...members.map((member) => [member, NPI, '2026-01-01', note])]
    .map((row) => `${row.join(separator)}\n`)
    .join('');

const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`imports of files in the page of the engineer${missing}`, () => {
  const bench = new PortalBench();
  beforeAll(async () => {
    await bench.start();
    await published(
      [NPI, 'payer.network-status-changed.v1', { npi: NPI, status: 'in-network', from: '2020-01-01' }],
      ...MEMBERS.map(
        (member) => [member, 'payer.member-enrolled.v1', { coverageId: `c-${member}`, from: '2020-01-01' }] as const,
      ),
    );
  });
  afterAll(() => bench.stop());

  async function published(...events: readonly (readonly [string, string, object])[]): Promise<void> {
    const { base, payerToken } = bench.platform;
    const lines = events.map(([subject, type, data]) =>
      JSON.stringify({
        ...{ specversion: '1.0', id: randomUUID(), source: 'urn:example', type, subject, data },
        time: '2026-01-01T00:00:00Z',
      }),
    );
    const headers = { authorization: `Bearer ${payerToken}`, 'content-type': 'application/x-ndjson' };
    const answer = await fetch(`${base}/events`, { method: 'POST', headers, body: lines.join('\n') });
    expect(answer.status, await answer.text()).toBe(200);
  }
  async function opened(role = 'engineer', ...look: Parameters<PortalBench['fresh']>): Promise<Page> {
    const context = await bench.fresh(...look);
    await bench.signIn(context, [role]);
    return bench.open(context, PATH);
  }
  const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name });
  const fileField = (page: Page) => page.locator('input[type=file]');
  const put = (page: Page, name: string, content: string): Promise<void> =>
    fileField(page).setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(content) });
  /** Sends a file whose name says kind, source and day. */
  async function send(page: Page, name: string, content: string): Promise<void> {
    await button(page, 'Import a file').click();
    await put(page, name, content);
    await button(page, 'Send and check').click();
  }
  const numberOf = async (page: Page): Promise<string> => page.locator('.number').innerText();

  test('names the columns of a file, sees what it changes, and puts it in force, with few clicks', async () => {
    const page = await opened();
    await page.getByText('No source has sent a full file yet.').waitFor();
    const clicks = new Clicks(page);
    await clicks.on(button(page, 'Import a file'));
    // Opens the window of the browser, and chooses there.
    await clicks.on(page.getByText('File', { exact: true }));
    await put(page, 'january.csv', roster(MEMBERS, SCRIPT, ['Mitglied', 'Arzt', 'Beginn', SCRIPT], ';'));
    await page.getByLabel('Source').fill('north-mso');
    await page.getByLabel('Day of the file').fill('2026-11-01');
    await clicks.on(button(page, 'Send and check'));
    await page.getByText('The file has no column of one of these names: member.').waitFor();
    await clicks.on(button(page, 'Say which column is which'));
    for (const [what, column] of [
      ['Id of the member', 'Mitglied'],
      ['NPI of the provider', 'Arzt'],
      ['First day', 'Beginn'],
    ] as const) {
      await clicks.on(page.getByLabel(what));
      await page.getByLabel(what).selectOption(column);
    }
    await clicks.on(button(page, 'Send and check'));
    await page.getByText('This is the first file of this source').waitFor();
    const report = await page.getByRole('region', { name: 'What this import changes' }).innerText();
    expect(report).toMatch(/New rows\s+40\s+Changed rows\s+0\s+Rows that end\s+0/);
    expect(report).toMatch(/Members that lists gain\s+40\s+Members that lists lose\s+0/);
    await clicks.on(button(page, 'Publish'));
    await page.getByText('The import is in force.').waitFor();
    expect(clicks.take('import a file after naming its columns')).toBeLessThanOrEqual(MOST_CLICKS);
    await button(page, 'All imports').click();
    await page.getByText(/^roster\.north-mso\.2026-11-01\./).waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    await page.context().close();
  });

  test('a large change needs the number of its report below the reasons, and goes on without the page', async () => {
    const page = await opened();
    await send(page, 'roster.north-mso.2026-11-15.csv', roster([...MEMBERS.slice(10), 'm-page-new']));
    const reasons = page.getByRole('alert').filter({ hasText: 'This is more than an import may change' });
    await reasons.getByText('10 rows end: 25% of 40').waitFor();
    await reasons.getByText(`The list npi|${NPI} loses 10 members: 25% of 40`).waitFor();
    const field = page.getByLabel('If this is right, type the number of the report');
    const number = await numberOf(page);
    expect(await button(page, 'Publish').isDisabled()).toBe(true);
    await field.fill('12345-67890');
    expect(await button(page, 'Publish').isDisabled()).toBe(true);
    await field.fill(number.replace('-', ' '));
    await button(page, 'Publish').click();
    await page
      .getByText('This goes on when you close the page.')
      .or(page.getByText('The import is in force.'))
      .waitFor();
    await page.context().close();
    const other = await opened();
    await button(other, /^Open: Roster of north-mso/)
      .first()
      .click();
    await other.getByText('The import is in force.').waitFor();
    expect(await other.getByText(number).count()).toBe(1);
    await other.context().close();
  });

  test('an import is taken back after a look at what that changes, with few clicks', async () => {
    const page = await opened();
    const clicks = new Clicks(page);
    const row = page.getByRole('row').filter({ hasText: 'roster.north-mso.2026-11-15.' });
    await clicks.on(row.getByRole('button', { name: /^Take back: / }));
    const report = page.getByRole('region', { name: 'What this undo takes back' });
    await page.getByText('Each row that the import stated is what it was before.').waitFor();
    // Ten rows that ended, and the new one. The others were not stated anew. Only the new one was given to somebody.
    expect(await report.innerText()).toMatch(/as before again\s+11\s+[^\d]+changed them\s+0\s+[^\d]+the import\s+1/);
    expect(await button(page, 'Publish').isDisabled()).toBe(true);
    expect(await faultsOf(page)).toEqual([]);
    await clicks.on(page.getByLabel('If this is right, type the number of the report'));
    await page.keyboard.type(await numberOf(page));
    await clicks.on(button(page, 'Publish'));
    await page.getByText('The import is taken back.').waitFor();
    expect(clicks.take('take an import back')).toBeLessThanOrEqual(MOST_CLICKS);
    await button(page, 'All imports').click();
    await row.getByText('taken back').first().waitFor();
    expect(await row.getByRole('button', { name: /^Take back: / }).count()).toBe(0);
    await page.context().close();
  });

  test('a file with a script in every cell and in its name is refused, and no script runs', async () => {
    const page = await opened();
    const header = HEADER.slice(0, 3).join(',');
    await send(page, `roster.south.${TODAY}.csv`, `${header}\n${[SCRIPT, SCRIPT, SCRIPT].join(',')}\n`);
    await page.getByText('Rows that cannot be read: 1.').waitFor();
    expect(await page.getByRole('region', { name: 'Rows that cannot be read' }).innerText()).toMatch(/2\s+from\s+/);
    // Whoever looks at the page later sees no cell: the server has deleted the file and quotes nothing.
    expect(await page.locator('main').innerText()).not.toContain('onerror');
    await button(page, 'All imports').click();
    await button(page, 'Import a file').click();
    await put(page, `${SCRIPT}.csv`, `${SCRIPT},a\n1,2\n`);
    await page.getByLabel('Source').fill('south');
    await page.getByLabel('Day of the file').fill(TODAY);
    await button(page, 'Send and check').click();
    await button(page, 'Say which column is which').click();
    expect(await page.getByLabel('Id of the member').innerText()).toContain(SCRIPT);
    await button(page, 'All imports').click();
    await page.getByRole('row').getByText(`${SCRIPT}.csv`).waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    await page.context().close();
  });

  test('a full file of opt-outs ends none by absence, and the page says why no undo takes it back', async () => {
    const page = await opened();
    const optOuts = (members: readonly string[]): string => ['member', ...members].map((one) => `${one}\n`).join('');
    await send(page, 'opt-outs.portal.2026-11-01.csv', optOuts(['m-page-38', 'm-page-39']));
    await button(page, 'Publish').click();
    await page.getByText('No undo takes an import of opt-outs back').waitFor();
    await button(page, 'All imports').click();
    await send(page, 'opt-outs.portal.2026-11-15.csv', optOuts(['m-page-38']));
    await page.getByText('Opt-outs of this source that the file lacks: 1. They stay.').waitFor();
    await page.getByText('No opt-out ends because a file lacks it.').waitFor();
    expect(await page.locator('main').innerText()).not.toContain('m-page-39');
    await button(page, 'Discard').click();
    await page.getByText('stopped').waitFor();
    await page.context().close();
  });

  test('a server that is away and restarts loses no part of a file and no confirmation', async () => {
    const page = await opened();
    const context = page.context();
    let isAway = true;
    await context.route('**/parts/1', (route) => (isAway ? route.abort() : route.continue()));
    // More than one part, because of a column that says nothing.
    await send(page, 'roster.east.2026-11-01.csv', roster(MEMBERS, 'x'.repeat(30_000)).replaceAll(NPI, '1000000004'));
    await page.getByText('The server does not answer. The file goes on when it does.').waitFor();
    isAway = false;
    await page.getByText('This is the first file of this source').waitFor();
    const { base } = bench.platform;
    if (variant.long) await bench.restart();
    await button(page, 'Publish').click();
    await page
      .getByText(/This goes on when you close the page|The import is in force/)
      .first()
      .waitFor();
    await bench.restart();
    expect(bench.platform.base).toBe(base);
    await page.getByText('The import is in force.').waitFor();
    await context.close();
  });

  test('an upload goes on after its page was closed, with the same file and with no other', async () => {
    const page = await opened();
    await page.context().route('**/parts/1', (route) => route.abort());
    const [name, content] = ['roster.west.2026-11-01.csv', roster(MEMBERS, 'x'.repeat(30_000))];
    await send(page, name, content);
    await page.getByText('The server does not answer. The file goes on when it does.').waitFor();
    await page.context().close();
    const other = await opened();
    await button(other, /^Open: Roster of west/).click();
    await other.getByLabel('To go on with it, choose the same file again').waitFor();
    await put(other, name, content.replace(MEMBERS[0]!, 'm-another'));
    await other.getByText('This part has other bytes already.').waitFor();
    await put(other, name, content);
    await other.getByText('This is the first file of this source').waitFor();
    await button(other, 'Discard').click();
    await other.getByText('stopped').waitFor();
    await other.context().close();
  });

  test('leaves nothing in the address or in the browser', async () => {
    const page = await opened();
    await button(page, /^Open: Roster of north-mso/)
      .first()
      .click();
    await page.locator('.number').waitFor();
    const script = 'JSON.stringify([location.href, document.title, history.state, localStorage, sessionStorage])';
    const kept = (await page.evaluate(script)) as string;
    for (const part of ['north-mso', 'imp-', 'm-page']) expect(kept).not.toContain(part);
    await page.context().close();
  });

  test('whose role was taken away under the open page learns nothing more', async () => {
    const page = await opened();
    await button(page, /^Open: Roster of north-mso/)
      .first()
      .waitFor();
    await page.context().clearCookies();
    await bench.signIn(page.context(), ['auditor']);
    await button(page, /^Open: Roster of north-mso/)
      .first()
      .click();
    await page.getByText('None of your roles permits this.').waitFor();
    expect(await page.locator('.number').count()).toBe(0);
    await page.context().close();
  });

  test('another role is refused on the page and on each of its routes', async () => {
    const page = await opened('reviewer');
    await page.getByText('This page is not for your roles').waitFor();
    await page.context().close();
    const { base, administratorToken } = bench.platform;
    const json = 'application/json';
    for (const role of OTHERS) {
      const session = await fetch(`${base}/auth/session`, {
        method: 'POST',
        headers: { authorization: `Bearer ${administratorToken}`, 'content-type': json },
        body: JSON.stringify({ roles: [role] }),
      });
      const cookie = session.headers.get('set-cookie')!.split(';')[0]!;
      const { csrf } = (await session.json()) as { readonly csrf: string };
      for (const [method, path] of ROUTES) {
        const type = path.includes('/parts/') ? 'application/octet-stream' : json;
        const answer = await fetch(base + path, {
          method,
          headers: { cookie, 'x-csrf-token': csrf, ...(method !== 'GET' && { 'content-type': type }) },
          ...(method !== 'GET' && { body: '{}' }),
        });
        expect([role, method, path, answer.status]).toEqual([role, method, path, 403]);
      }
    }
  });

  test.each(LOOKS)('has no fault of accessibility in %s at %i pixels in %s', async (theme, width, language) => {
    const page = await opened('engineer', theme, width, language);
    const first = page.locator('section').first().getByRole('button').first();
    await first.waitFor();
    await page.locator('section').last().getByRole('table').first().waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `imports-${theme}-${width}`);
    await page.locator('.button.main').first().click();
    await fileField(page).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await put(page, `roster.north-mso.${TODAY}.csv`, roster(MEMBERS.slice(22)));
    await page.locator('.button.main').first().click();
    await page.locator('.number').waitFor();
    await page.locator('form').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `import-${theme}-${width}`);
    await page.locator('form .button.plain').click();
    await eventually(async () => expect(await page.locator('form').count()).toBe(0));
    await page.context().close();
  });

  test('needs little before it shows something', async () => {
    const context = await bench.fresh();
    await bench.signIn(context, ['engineer']);
    await weigh(bench, context, PATH);
    await context.close();
  });

  test('the browser reported no fault', () => {
    expect(
      bench.faults.filter((fault) => !/ERR_CONNECTION_REFUSED|ERR_FAILED|ERR_CONNECTION_RESET/.test(fault)),
    ).toEqual([]);
  });
});
