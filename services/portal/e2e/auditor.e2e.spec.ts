import { existsSync } from 'node:fs';
import { text as textOf } from 'node:stream/consumers';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  AWAY,
  CHROMIUM,
  Clicks,
  faultsOf,
  local,
  LOOKS,
  picture,
  PortalBench,
  refusedInBrowser,
  weigh,
} from './bench.ts';
import {
  administrator,
  approveStranger,
  type Clinic,
  clinicOf,
  enterOptOut,
  SANDBOX as LARGE,
  sandboxReady,
} from './sandbox.ts';

/** A name that a stranger gave to an app. */
const SCRIPT = '<img src=x onerror=alert(1)><script>alert(2)</script>';
const MOST_CLICKS = 12;
const DAY_MS = 86_400_000;
const SANDBOX = { ...LARGE, SANDBOX_MEMBERS: '40' };
const DAYS_AGO = 2;
/** The platform began two days ago, so that the audit has a day that is over and sealed. */
const TWO_DAYS_AGO = `--import=data:text/javascript,const%20n=Date.now;Date.now=()=>n()-${DAYS_AGO * DAY_MS}`;
/** By hand: the pages of an auditor, and the roles that may open each. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  audit: ['auditor'],
  seals: ['auditor', 'compliance'],
  levels: ['auditor', 'operator', 'engineer', 'compliance'],
};
const OTHERS = ['reviewer', 'operator', 'engineer', 'call-centre', 'compliance', 'dead-letter-reader'];
const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`an auditor${missing}`, () => {
  const bench = new PortalBench();
  let clinic: Clinic;
  let members: readonly string[];
  let providerName: string;
  let npi: string;
  /** The UTC day that is sealed. */
  let sealed: string;

  const admin = <T>(path: string): Promise<T> => administrator<T>(bench, path);
  async function optOut(member: string): Promise<void> {
    await enterOptOut(bench, member);
    await expect.poll(() => clinic.read(member)).toBe(404);
  }

  beforeAll(async () => {
    await bench.start({ ...SANDBOX, NODE_OPTIONS: TWO_DAYS_AGO });
    const client = await sandboxReady(bench);
    sealed = new Date(Date.now() - DAYS_AGO * DAY_MS).toISOString().slice(0, 10);
    await admin(`/ops/explain?client=${client}&member=m-nobody`);
    await bench.restart(SANDBOX);
    clinic = await clinicOf(bench, 4 + LOOKS.length);
    ({ members } = clinic);
    const app = await admin<{ npi: string[]; identifiers: { npi?: string; directory: { name: string }[] }[] }>(
      `/auth/clients/${clinic.client}`,
    );
    npi = app.npi[0]!;
    providerName = app.identifiers.find((one) => one.npi === npi)!.directory[0]!.name;
  });
  afterAll(() => bench.stop());

  async function opened(
    path = 'audit',
    roles: readonly string[] = ['auditor'],
    ...look: Parameters<PortalBench['fresh']>
  ): Promise<Page> {
    const context = await bench.fresh(...look);
    await bench.signIn(context, roles);
    return bench.open(context, `/portal/${path}`);
  }
  async function shown(member: string): Promise<Page> {
    const page = await opened();
    await page.getByLabel("Member's id").fill(member);
    await page.getByRole('button', { name: 'Show the member' }).click();
    await page.getByRole('heading', { name: `Member ${member}` }).waitFor();
    return page;
  }
  const explainOf = (page: Page) => page.getByRole('region', { name: 'Could this app see this member?' });

  test('sees a member over time as a picture and a table, and asks why at two times, with few clicks', async () => {
    const [member] = members;
    expect(await clinic.read(member!)).toBe(200);
    const before = Date.now();
    await optOut(member!);
    const page = await opened();
    const clicks = new Clicks(page);
    await clicks.on(page.getByLabel("Member's id"));
    await page.keyboard.type(member!);
    await clicks.on(page.getByRole('button', { name: 'Show the member' }));
    await page.getByRole('heading', { name: `Member ${member}` }).waitFor();

    const story = page.getByRole('region', { name: 'What happened, on one axis of time' });
    const drawn = story.getByRole('img', { name: 'What happened, on one axis of time' });
    const told = story.getByRole('region', { name: 'The same as a table' });
    for (const part of ['Coverage', `Attributed to ${providerName} (NPI ${npi})`, 'Opt-out', 'could see the member'])
      for (const where of [drawn, told]) expect(await where.textContent(), part).toContain(part);
    expect(await told.innerText()).toContain('for every provider');
    // The release counts before the opt-out, and the refusals after it. The view of the audit may be a moment behind.
    expect(await drawn.locator('rect').count()).toBe(await told.locator('tbody tr').count());
    const texts = await drawn.locator('rect title').allTextContents();
    expect(texts.filter((text) => text.startsWith('Opt-out'))).toHaveLength(1);

    const explain = explainOf(page);
    await page.getByLabel('App', { exact: true }).selectOption(clinic.client);
    await clicks.on(explain.getByLabel('At this moment'));
    await explain.getByLabel('At this moment').fill(local(before));
    await clicks.on(explain.getByRole('button', { name: 'Explain' }));
    await explain.getByText(/^Yes\. On .* the platform permitted/).waitFor();
    await explain.getByText('Today the app cannot see the member: an opt-out covers the provider.').waitFor();
    const facts = explain.getByRole('region', { name: 'The facts behind the decision' });
    expect(await facts.getByRole('row', { name: /^Coverage yes/ }).count()).toBeGreaterThan(0);

    // By what was known yesterday about a moment of today.
    await clicks.on(explain.getByText('at another moment'));
    await clicks.on(explain.getByLabel('Known until'));
    await explain.getByLabel('Known until').fill(local(Date.now() - DAY_MS));
    await clicks.on(explain.getByRole('button', { name: 'Explain' }));
    await explain.getByText(/^Yes\. By what the platform knew on .*, it permits for /).waitFor();
    expect(clicks.take('explain for two times') + 1).toBeLessThanOrEqual(MOST_CLICKS);

    await explain.getByLabel('At this moment').fill('');
    await explain.getByText('then', { exact: true }).click();
    await explain.getByRole('button', { name: 'Explain' }).click();
    await explain.getByText(/^No\. On .* the platform denied .*: an opt-out covers the provider\.$/).waitFor();
    await explain.getByText('For a permit, this would have to change: an opt-in of the member.').waitFor();
    expect(await facts.getByRole('row', { name: /^Opt-out yes/ }).count()).toBe(1);
    await page.context().close();
  });

  test('pages through what was given, and saves the accounting with the names of the organizations', async () => {
    const member = members[1]!;
    for (let n = 0; n < 55; n += 1) expect(await clinic.read(member)).toBe(200);
    const known = () => admin<{ disclosures: object[] }>(`/ops/disclosures?member=${member}`);
    await expect.poll(async () => (await known()).disclosures.length).toBeGreaterThanOrEqual(55);
    const page = await shown(member);
    const rows = () => page.getByRole('region', { name: 'Accounting of disclosures' }).last().locator('tbody tr');
    expect(await rows().count()).toBe(50);
    expect(await rows().first().innerText()).toContain(`${providerName} (NPI ${npi})`);
    await page.getByRole('button', { name: 'Show older entries' }).first().click();
    await expect.poll(() => rows().count()).toBeGreaterThanOrEqual(55);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Save the document to print' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('accounting-of-disclosures.html');
    const text = await textOf(await download.createReadStream());
    for (const part of [member, `${providerName} (NPI ${npi})`]) expect(text).toContain(part);
    expect(text.match(/<tr><td>/g)!.length).toBeGreaterThanOrEqual(55);
    expect(text).not.toContain(members[0]);
    await page.context().close();
  });

  test('sees who of the staff looked, with the route', async () => {
    const member = members[2]!;
    await (await shown(member)).context().close();
    const looks = async () => JSON.stringify(await admin<object>(`/ops/disclosures/looks?member=${member}`));
    await expect.poll(looks).toContain('GET /ops/explain/timeline');
    const page = await shown(member);
    const looked = page.getByRole('region', { name: 'Who of the staff looked' }).first();
    expect(await looked.innerText()).toContain('GET /ops/explain/timeline');
    await page.context().close();
  });

  test('sees each sealed day in a calendar, and what is not whole', async () => {
    const page = await opened('seals');
    await page.getByText(/entries wait for their seal/).waitFor();
    const isBefore = sealed.slice(0, 7) !== new Date().toISOString().slice(0, 7);
    if (isBefore) await page.getByRole('button', { name: 'Month before' }).click();
    const cell = page.getByRole('cell', { name: `${Number(sealed.slice(8))} whole`, exact: true });
    await cell.waitFor();
    await page.getByText(/sealed days of this month are whole/).waitFor();
    const row = page.getByRole('row', { name: new RegExp(`^${sealed} whole \\d+ [0-9a-f]{64}$`) });
    expect(await row.count()).toBe(1);
    // As the server says it of an audit that somebody changed.
    await page.route('**/ops/audit/verification?*', async (route) => {
      const answer = await route.fetch();
      const body = (await answer.json()) as { findings: { state: string; detail?: string }[] };
      for (const one of body.findings) Object.assign(one, { state: 'differs', detail: 'the entries differ' });
      await route.fulfill({ response: answer, json: body });
    });
    await page.getByRole('button', { name: isBefore ? 'Month after' : 'Month before' }).click();
    await page.getByRole('button', { name: isBefore ? 'Month before' : 'Month after' }).click();
    await page
      .getByRole('alert')
      .getByText(/days of this month are not whole/)
      .waitFor();
    await page.getByRole('cell', { name: `${Number(sealed.slice(8))} changed`, exact: true }).waitFor();
    await page.context().close();
  });

  test('reads the service levels of a month with their targets, as the route has them', async () => {
    const page = await opened('levels');
    const table = page.getByRole('region', { name: 'Service levels' });
    const row = table.getByRole('row', { name: /^Opt-outs work/ });
    await row.waitFor();
    expect(await row.innerText()).toContain('within one second');
    expect(await table.getByRole('row', { name: /within one business day/ }).count()).toBe(3);
    // How fast this machine is decides whether they were in time.
    type Counted = Record<'met' | 'missed' | 'overdue', number> & { readonly objective: string };
    const counted = async () => (await admin<{ objectives: readonly Counted[] }>('/ops/slo')).objectives;
    const optOuts = async () => (await counted()).find(({ objective }) => objective === 'opt-out-effective')!;
    await expect.poll(async () => (await optOuts()).met + (await optOuts()).missed).toBeGreaterThan(0);
    const { met, missed } = await optOuts();
    const late = (await counted()).reduce((sum, one) => sum + one.missed + one.overdue, 0);
    await page.reload();
    await page
      .getByText(late === 0 ? 'Everything was done in time.' : `${late} were too late, or are overdue.`)
      .waitFor();
    expect(await row.locator('td').allInnerTexts()).toEqual(expect.arrayContaining([String(met), String(missed)]));
    await page.getByLabel('Month').selectOption({ index: 3 });
    await table.getByText('nothing to measure').first().waitFor();
    // As the server says it of a month in which one of 200 was too late.
    await page.route('**/ops/slo?*', async (route) => {
      const answer = await route.fetch();
      const body = (await answer.json()) as { objectives: object[] };
      Object.assign(body.objectives[0]!, { met: 199, missed: 1, overdue: 0, share: 0.995, worstMs: 7_200_000 });
      await route.fulfill({ response: answer, json: body });
    });
    await page.getByLabel('Month').selectOption({ index: 2 });
    await page.getByText('1 were too late, or are overdue.').waitFor();
    const exports = await table.getByRole('row', { name: /^Exports are complete/ }).innerText();
    for (const part of ['within one business day', '99.5%', '199', '2 h']) expect(exports).toContain(part);
    await page.context().close();
  });

  test('sees the member with 10,000 releases: 50 rows at first, and one bar for each day and app', async () => {
    const member = members[3]!;
    const page = await opened();
    const asked: string[] = [];
    const entry = (n: number) => ({
      ...{ id: `e${n}`, at: new Date(Date.now() - n * 60_000).toISOString(), client: 'c', outcome: 'released' },
      agent: { name: 'Clinic of many', providers: [`npi|${npi}`] },
    });
    await page.route('**/ops/disclosures?*', async (route) => {
      const query = new URL(route.request().url()).searchParams;
      const [begin, limit] = [Number(query.get('page') ?? 0), Number(query.get('limit'))];
      asked.push(`${begin}+${limit}`);
      const end = Math.min(10_000, begin + limit);
      const disclosures = Array.from({ length: end - begin }, (_, n) => entry(begin + n));
      const next = end < 10_000 ? { next: `/ops/disclosures?member=x&page=${end}` } : {};
      await route.fulfill({ json: { member, disclosures, ...next } });
    });
    await page.route('**/ops/explain/timeline?*', async (route) => {
      const answer = await route.fetch();
      const releases = Array.from({ length: 365 }, (_, n) => ({
        ...{ day: new Date(Date.now() - n * DAY_MS).toISOString().slice(0, 10), client: 'c', name: 'Clinic of many' },
        ...{ released: 27, refused: 0 },
      }));
      await route.fulfill({ response: answer, json: { ...((await answer.json()) as object), releases } });
    });
    await page.getByLabel("Member's id").fill(member);
    await page.getByRole('button', { name: 'Show the member' }).click();
    await page.getByRole('heading', { name: `Member ${member}` }).waitFor();
    expect(asked).toEqual(['0+50']);
    expect(await page.locator('.chart .released rect').count()).toBe(365);
    const rows = page.getByRole('region', { name: 'Accounting of disclosures' }).last().locator('tbody tr');
    expect(await rows.count()).toBe(50);
    expect(await page.getByRole('region', { name: 'The same as a table' }).locator('tbody tr').count()).toBe(50);
    await page.getByRole('button', { name: 'Show older entries' }).first().click();
    await expect.poll(() => rows.count()).toBe(100);
    expect(asked).toEqual(['0+50', '50+50']);
    await page.context().close();
  });

  test('leaves nothing about a member in the address or in the browser', async () => {
    const page = await shown(members[2]!);
    const script = 'JSON.stringify([location.href, document.title, history.state, localStorage, sessionStorage])';
    expect(await page.evaluate(script)).not.toContain(members[2]);
    expect(await page.evaluate('history.length + ":" + localStorage.length + sessionStorage.length')).toMatch(/:00$/);
    await page.reload();
    await page.getByLabel("Member's id").waitFor();
    expect(await page.getByLabel("Member's id").inputValue()).toBe('');
    await page.context().close();
  });

  test('is told when an id is unknown, or is none', async () => {
    const page = await opened();
    await page.getByLabel("Member's id").fill('../x');
    await page.getByRole('button', { name: 'Show the member' }).click();
    await page.getByText('This is not an id').waitFor();
    await page.getByLabel("Member's id").fill('m-nobody-else');
    await page.getByRole('button', { name: 'Show the member' }).click();
    await page.getByText('The payer never said anything about this member.').waitFor();
    await page.context().close();
  });

  test('whose role was taken away under the open page learns nothing more', async () => {
    const page = await shown(members[2]!);
    await bench.signIn(page.context(), ['reviewer']);
    await explainOf(page).getByRole('button', { name: 'Explain' }).click();
    await page.getByRole('alert').getByText('None of your roles permits this.').waitFor();
    expect(await page.locator('.answer').count()).toBe(0);
    await page.context().close();
  });

  test.each(LOOKS)('has no fault of accessibility in %s at %i pixels in %s', async (theme, width, language) => {
    const member = members[4 + LOOKS.findIndex((look) => look[0] === theme && look[1] === width)]!;
    expect(await clinic.read(member)).toBe(200);
    await optOut(member);
    const page = await opened('audit', ['auditor'], theme, width, language);
    await page.locator('form input').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.locator('form input').fill(member);
    await page.locator('.button.main').click();
    await page.locator('.chart svg').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page.locator('section').first(), `timeline-${theme}-${width}`);
    await page.locator('section form select').selectOption(clinic.client);
    await page.locator('input[type=datetime-local]').fill(local(Date.now() - 30_000));
    await page.locator('.radio').nth(1).click();
    await page.locator('.button.main').click();
    await page.locator('.answer').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page.locator('section').nth(1), `explain-${theme}-${width}`);
    for (const [name, ready] of [
      ['seals', '.calendar'],
      ['levels', 'tbody'],
    ] as const) {
      await page.goto(`${bench.platform.base}/portal/${name}?lang=${language}`);
      await page.locator(ready).waitFor();
      expect(await faultsOf(page)).toEqual([]);
      await picture(page, `${name}-${theme}-${width}`);
    }
    await page.context().close();
  });

  test('sees what strangers wrote as text, and no script runs', async () => {
    await approveStranger(bench, clinic.client, npi, SCRIPT);
    const page = await shown(members[2]!);
    await page.getByText(`${SCRIPT} could see the member`).first().waitFor();
    expect(await page.getByLabel('App', { exact: true }).innerText()).toContain(SCRIPT);
    expect(await page.locator('main img, main script').count()).toBe(0);
    await page.context().close();
  });

  test.each(OTHERS)('%s is refused on each page of other roles, and on its routes', async (role) => {
    const since = new Date(Date.now() - 3_600_000).toISOString();
    for (const [at, [name, roles]] of Object.entries(PAGES).entries()) {
      if (!refusedInBrowser(OTHERS, at + 1).includes(role)) continue;
      const page = await opened(name, [role]);
      const isOpen = roles.includes(role);
      const refused = page.getByRole('heading', { name: 'This page is not for your roles' });
      if (isOpen) await page.locator('h1').waitFor();
      else await refused.waitFor();
      expect(await refused.count(), name).toBe(isOpen ? 0 : 1);
      await page.context().close();
    }
    const headers = { cookie: (await bench.session([role])).cookie };
    const status = async (path: string) => (await fetch(bench.platform.base + path, { headers })).status;
    const of = (...roles: readonly string[]): number => (roles.includes(role) ? 200 : 403);
    for (const [path, expected] of [
      [`/ops/explain?client=${clinic.client}&member=${members[0]}`, 403],
      [`/ops/explain/timeline?member=${members[0]}&from=${since}`, 403],
      [`/ops/explain/apps?member=${members[0]}&from=${since}`, of('call-centre')],
      [`/ops/disclosures?member=${members[0]}`, of('call-centre')],
      [`/ops/disclosures/document?member=${members[0]}`, of('call-centre')],
      [`/ops/disclosures/looks?member=${members[0]}`, of('compliance')],
      ['/ops/audit/verification', of('compliance')],
      ['/ops/slo', of('operator', 'engineer', 'compliance')],
    ] as const)
      expect(await status(path), path).toBe(expected);
  });

  test.each(Object.keys(PAGES))('/portal/%s needs little before it shows something', async (name) => {
    const context = await bench.fresh();
    await bench.signIn(context, ['auditor']);
    await weigh(bench, context, `/portal/${name}`);
    await context.close();
  });

  test('goes on where it was when the server was away', async () => {
    const page = await shown(members[2]!);
    const explain = explainOf(page);
    await page.getByLabel('App', { exact: true }).selectOption(clinic.client);
    const away = async (): Promise<void> => {
      await explain.getByRole('button', { name: 'Explain' }).click();
      await page.getByRole('alert').getByText('The server does not answer.').waitFor();
    };
    await bench.whileAway(page, away, SANDBOX);
    await explain.getByRole('button', { name: 'Explain' }).click();
    await explain.getByText(/^Yes\. On .* the platform permitted/).waitFor();
    await page.context().close();
  });

  test('needs nothing that the policy forbids, and no other server', () => {
    expect(bench.faults.filter((text) => !AWAY.test(text))).toEqual([]);
  });
});
