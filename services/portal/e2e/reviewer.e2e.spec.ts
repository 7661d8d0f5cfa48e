import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, Clicks, faultsOf, LOOKS, picture, PortalBench, refusedInBrowser, weigh } from './bench.ts';
import { registerWithEverything, SCRIPT } from './every-field.ts';
import { PAST_APP, PAST_MEMBER, PAST_NPIS, writePastApp } from './past-app.ts';

const NPI = '1234567893';
const MOST_CLICKS = 12;

const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`a reviewer${missing}`, () => {
  const bench = new PortalBench();
  /** Waits for a review, and looks as most apps do. */
  let shownApp = '';
  beforeAll(async () => {
    await bench.start({ AUTH_REGISTRATIONS_PER_MINUTE: '1000' }, writePastApp);
    shownApp = await register('Valley Family Clinic', { kid: 'key of 2026', contacts: ['it@valley-clinic.example'] });
  });
  afterAll(() => bench.stop());

  const api = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${bench.platform.base}${path}`, {
      method,
      headers: { authorization: `Bearer ${bench.platform.administratorToken}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  async function register(
    name: string,
    { kid = SCRIPT, contacts = ['developer@clinic.example'] }: { kid?: string; contacts?: readonly string[] } = {},
  ): Promise<string> {
    const answer = await send(name, { kid, contacts });
    expect(answer.status, await answer.clone().text()).toBe(201);
    return ((await answer.json()) as { client_id: string }).client_id;
  }
  function send(
    name: string,
    { kid, contacts, ...further }: { readonly kid: string; readonly contacts: readonly string[] },
  ): Promise<Response> {
    const jwk = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey.export({ format: 'jwk' });
    return fetch(`${bench.platform.base}/auth/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        client_name: name,
        jwks: { keys: [{ ...jwk, kid, alg: 'ES384', use: 'sig' }] },
        contacts,
        npi: [NPI],
        token_endpoint_auth_method: 'private_key_jwt',
        grant_types: ['client_credentials'],
        scope: 'system/*.rs',
        ...further,
      }),
    });
  }
  const statusOf = async (id: string): Promise<string> =>
    ((await (await api('GET', `/auth/clients/${id}`)).json()) as { status: string }).status;
  async function opened(
    roles: readonly string[] = ['reviewer'],
    ...look: Parameters<PortalBench['fresh']>
  ): Promise<Page> {
    return openedAt('/portal/apps', roles, ...look);
  }
  async function openedAt(
    path: string,
    roles: readonly string[],
    ...look: Parameters<PortalBench['fresh']>
  ): Promise<Page> {
    const context = await bench.fresh(...look);
    await bench.signIn(context, roles);
    return bench.open(context, path);
  }

  test('approves, suspends, approves again, ends a binding and revokes, each with few clicks', async () => {
    const id = await register('Clinic of the first task');
    const page = await opened();
    const clicks = new Clicks(page);
    await clicks.on(page.getByRole('link', { name: 'Clinic of the first task' }));
    await page.getByRole('heading', { name: 'Clinic of the first task' }).waitFor();
    expect(await page.getByRole('region', { name: 'What the app says that it is' }).innerText()).toContain(NPI);
    await clicks.on(page.getByRole('button', { name: 'Approve' }));
    await clicks.on(page.getByText(`Bind NPI ${NPI}`));
    await clicks.on(page.getByLabel(`Evidence for NPI ${NPI}`));
    await page.keyboard.type('contract 7');
    // Without the second look, the server refuses, and what was typed is still there.
    await clicks.on(page.getByRole('button', { name: 'Approve' }));
    await page.getByRole('alert').getByText('is unknown').waitFor();
    await clicks.on(page.getByText(/is out of network or unknown/));
    await clicks.on(page.getByRole('button', { name: 'Approve' }));
    await page.getByText('The app is now: approved.').waitFor();
    expect(await statusOf(id)).toBe('approved');
    expect(clicks.take('approve')).toBeLessThanOrEqual(MOST_CLICKS);

    await clicks.on(page.getByRole('button', { name: 'Suspend' }));
    await page.getByLabel('Reason').selectOption('key-compromised');
    await clicks.on(page.getByRole('button', { name: 'Suspend' }));
    await page.getByText('The app is now: suspended.').waitFor();
    expect(await statusOf(id)).toBe('suspended');
    expect(clicks.take('suspend') + 2).toBeLessThanOrEqual(MOST_CLICKS);

    await clicks.on(page.getByRole('button', { name: 'Approve' }));
    await clicks.on(page.getByText(`Bind NPI ${NPI}`));
    await clicks.on(page.getByLabel(`Evidence for NPI ${NPI}`));
    await page.keyboard.type('contract 8');
    await clicks.on(page.getByText(/is out of network or unknown/));
    await clicks.on(page.getByLabel('Why the app comes back'));
    await page.keyboard.type('It has a new key.');
    await clicks.on(page.getByRole('button', { name: 'Approve' }));
    await page.getByText('The app is now: approved.').waitFor();
    expect(clicks.take('approve again')).toBeLessThanOrEqual(MOST_CLICKS);

    await clicks.on(page.getByRole('button', { name: `End the binding to NPI ${NPI}` }));
    await page.getByLabel('Reason').selectOption('contract-ended');
    await clicks.on(page.locator('form').getByRole('button', { name: 'End the binding' }));
    await page.getByText('No process decides by this binding any more.').waitFor();
    expect(clicks.take('end a binding') + 2).toBeLessThanOrEqual(MOST_CLICKS);

    await clicks.on(page.getByRole('button', { name: 'Revoke for good' }));
    await page.getByLabel('Reason').selectOption('requested-by-app');
    await clicks.on(page.locator('form').getByRole('button', { name: 'Revoke for good' }));
    await page.getByText('The app is now: revoked.').waitFor();
    expect(await statusOf(id)).toBe('revoked');
    await page.getByText('No decision is possible in this state.').waitFor();
    await page.context().close();
  });

  test('narrows the scopes of an approval, and sees later what the app had asked for', async () => {
    const id = await register('Clinic that asks for too much');
    const page = await openedAt(`/portal/apps#${id}`, ['reviewer']);
    const clicks = new Clicks(page);
    await clicks.on(page.getByRole('button', { name: 'Approve' }));
    await clicks.on(page.getByText(`Bind NPI ${NPI}`));
    await clicks.on(page.getByLabel(`Evidence for NPI ${NPI}`));
    await page.keyboard.type('contract 9');
    await clicks.on(page.getByText(/is out of network or unknown/));
    const scopes = page.getByLabel('Scopes that the app gets');
    expect(await scopes.inputValue()).toBe('system/*.rs');
    await clicks.on(scopes);
    await scopes.fill('user/Patient.rs');
    await clicks.on(page.getByRole('button', { name: 'Approve' }));
    // More than what was asked for, or something else, is refused.
    await page.getByRole('alert').getByText('the app registered none of these scopes').waitFor();
    await clicks.on(scopes);
    await scopes.fill('system/Patient.rs system/Coverage.rs');
    await clicks.on(page.getByRole('button', { name: 'Approve' }));
    await page.getByText('The app is now: approved.').waitFor();
    expect(clicks.take('approve with fewer scopes')).toBeLessThanOrEqual(MOST_CLICKS);
    const { scope } = (await (await api('GET', `/auth/clients/${id}`)).json()) as { scope: string };
    expect(scope.split(' ').sort()).toEqual(['system/Coverage.rs', 'system/Patient.rs']);
    await page.reload();
    await page.locator('.pair').filter({ hasText: 'Scopes that it asked for' }).getByText('system/*.rs').waitFor();
    // Other tests bind the same NPI.
    expect((await api('POST', `/auth/clients/${id}/revoke`, { reason: 'requested-by-app' })).status).toBe(200);
    await page.context().close();
  });

  test('sees the bindings of an app over time as a picture, and the same as a table', async () => {
    const page = await openedAt(`/portal/apps#${PAST_APP}`, ['reviewer']);
    const lane = (label: string) =>
      page.getByRole('img', { name: 'Its bindings, on one axis of time' }).locator('.lane').filter({ hasText: label });
    await lane('State of the app').waitFor();
    // By the story: approved twice; the first NPI stopped with the suspension and began anew.
    expect(await lane('State of the app').locator('rect').count()).toBe(2);
    expect(await Promise.all(PAST_NPIS.map((npi) => lane(npi).locator('rect').count()))).toEqual([2, 1, 1]);
    const left = async (npi: string, n: number): Promise<number> =>
      Number(await lane(npi).locator('rect').nth(n).getAttribute('x'));
    const width = async (npi: string, n: number): Promise<number> =>
      Number(await lane(npi).locator('rect').nth(n).getAttribute('width'));
    // Of 300 days until now: 290 to 120 days ago, 290 to 90, and the last 60.
    const { 0: first, 1: second, 2: third } = PAST_NPIS;
    expect((await width(second, 0)) / (await width(third, 0))).toBeCloseTo(170 / 60, 1);
    const older = (await left(first, 0)) < (await left(first, 1)) ? 0 : 1;
    expect((await width(first, older)) / (await width(third, 0))).toBeCloseTo(200 / 60, 1);
    const table = page.getByRole('region', { name: 'What it is bound to, over time' });
    expect(await table.locator('tbody tr').count()).toBe(4);
    await page.context().close();
  });

  test('sees what the app took and when last, as counts without members, and its keys over time', async () => {
    const page = await openedAt(`/portal/apps#${PAST_APP}`, ['reviewer']);
    const row = (name: string) => page.getByRole('row', { name });
    const cells = async (name: string): Promise<string[]> =>
      (await row(name).innerText()).split('\t').map((text) => text.trim());
    // By the story of the app.
    expect((await cells('read a resource')).slice(0, 3)).toEqual(['read a resource', '3', '15']);
    expect((await cells('searched')).slice(0, 3)).toEqual(['searched', '1', '40']);
    const [why, count] = await cells('the app was not approved at that time.');
    expect([why, count]).toEqual(['the app was not approved at that time.', '7']);
    await page.getByText(/^It took data last on /).waitFor();
    expect(await page.locator('main').innerText()).not.toContain(PAST_MEMBER);
    const keys = page.getByRole('region', { name: 'Keys over time' });
    expect(await keys.locator('tbody tr').count()).toBe(2);
    const [first, second] = await keys.locator('tbody tr').allInnerTexts();
    expect([first, second]).toEqual([
      expect.stringMatching(/^k2 EC[^]*Thumbprint: [\w-]{43}[^]*accepted now$/),
      expect.stringMatching(/^k1 EC/),
    ]);
    await page.context().close();
  });

  test('reads the report of decisions by reason and age', async () => {
    for (const name of ['Clinic with a weak key', 'Clinic with another weak key']) {
      const id = await register(name);
      expect((await api('POST', `/auth/clients/${id}/reject`, { reason: 'weak-cryptography' })).status).toBe(200);
    }
    const id = await register('Clinic whose contract ended');
    const identifiers = [{ npi: NPI, evidence: 'contract 7' }];
    const ended = { reason: 'contract-ended' };
    for (const [what, body] of [
      ['approve', { identifiers, confirm: [NPI] }],
      [`bindings/npi%7C${NPI}/end`, ended],
    ] as const)
      expect((await api('POST', `/auth/clients/${id}/${what}`, body)).status).toBe(200);
    const page = await openedAt('/portal/decisions', ['reviewer']);
    const row = (name: RegExp) => page.locator('tbody tr').filter({ hasText: name });
    await row(/weak-cryptography/).waitFor();
    const cells = (of: string): string[] => of.split('\t').map((text) => text.trim());
    // Two of them, within a tenth of a day. The payer's list has the words of the code.
    expect(cells(await row(/weak-cryptography/).innerText())).toEqual([
      'rejected',
      expect.stringMatching(/^[A-Z][^\n]+\n+weak-cryptography$/),
      ...['2', '0', '0', '0', ''],
    ]);
    // The app with a past had its binding for 170 days, by hand; those of the tests ended at once.
    const [, , , least, , most] = cells(await row(/contract-ended/).innerText());
    expect([least, most]).toEqual(['0', '170']);
    const clicks = new Clicks(page);
    await clicks.on(page.getByLabel('Period'));
    await page.getByLabel('Period').selectOption('30');
    await expect.poll(() => row(/contract-ended/).innerText()).toMatch(/\t0\t0\t0/);
    expect(clicks.take('report of 30 days') + 1).toBeLessThanOrEqual(MOST_CLICKS);
    expect(await page.locator('main').innerText()).not.toContain('Clinic');
    await page.context().close();
  });

  test('rejects with a reason and a note, which the history shows as text', async () => {
    const id = await register('Clinic of the second task');
    const page = await opened();
    await page.getByRole('link', { name: 'Clinic of the second task' }).click();
    await page.getByRole('button', { name: 'Reject' }).click();
    await page.getByLabel('Reason').selectOption('identity-not-verified');
    await page.getByLabel('Note').fill(SCRIPT);
    await page.locator('form').getByRole('button', { name: 'Reject' }).click();
    await page.getByText('The app is now: rejected.').waitFor();
    expect(await statusOf(id)).toBe('rejected');
    expect(await page.getByRole('region', { name: 'History' }).innerText()).toContain(SCRIPT);
    await page.context().close();
  });

  test('sees what strangers wrote as text, and no script runs', async () => {
    await register(SCRIPT);
    const page = await opened();
    await page.getByRole('link', { name: SCRIPT }).click();
    await page.getByRole('heading', { name: SCRIPT }).waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.locator('dl').innerText()).toContain('developer@clinic.example');
    await page.context().close();
  });

  test('sees every field that a stranger can register as text, and none as a link', async () => {
    const contacts = ["'onerror=alert(5)'@stranger.example"];
    const { id, sent } = await registerWithEverything((further) =>
      send(`Clinic ${SCRIPT}`, { kid: SCRIPT, contacts, ...further }),
    );
    const page = await openedAt(`/portal/apps#${id}`, ['reviewer']);
    const further = page.getByRole('region', { name: 'What else it says of itself' });
    await further.waitFor();
    const names = await further.locator('dt').allInnerTexts();
    expect(names.toSorted()).toEqual(Object.keys(sent).toSorted());
    expect((await further.innerText()).split(SCRIPT).length).toBeGreaterThan(20);
    expect(await page.locator('main img, main script, main a[href*="stranger"]').count()).toBe(0);
    await page.getByRole('button', { name: 'Approve' }).click();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await faultsOf(page)).toEqual([]);
    await page.context().close();
  });

  test('learns that another reviewer was faster, and sees the app as it is now', async () => {
    const id = await register('Clinic of two reviewers');
    const page = await opened();
    await page.getByRole('link', { name: 'Clinic of two reviewers' }).click();
    await page.getByRole('button', { name: 'Reject' }).click();
    expect((await api('POST', `/auth/clients/${id}/reject`, { reason: 'attack-observed' })).status).toBe(200);
    await page.getByLabel('Reason').selectOption('identity-not-verified');
    await page.locator('form').getByRole('button', { name: 'Reject' }).click();
    await page.getByText(/did not work|is now: rejected/).waitFor();
    await page.reload();
    await page.getByText('No decision is possible in this state.').waitFor();
    expect(await page.getByRole('region', { name: 'History' }).innerText()).toContain('attack-observed');
    await page.context().close();
  });

  test('pages through a long list', async () => {
    for (let n = 0; n < 60; n += 1) await register(`Clinic ${n}`);
    const page = await opened();
    await page.getByRole('button', { name: 'Show more' }).waitFor();
    expect(await page.locator('tbody tr').count()).toBe(50);
    await page.getByRole('button', { name: 'Show more' }).click();
    await expect.poll(() => page.locator('tbody tr').count()).toBeGreaterThan(59);
    await page.context().close();
  });

  test('sees in the list what the directory and the network say, without a request for each app', async () => {
    const page = await opened();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.reload();
    const row = page.getByRole('row', { name: 'Valley Family Clinic' });
    await row.waitFor();
    for (const line of ['in the directory: 0 of 1', 'in network: 0 of 1'])
      expect(await row.innerText()).toContain(line);
    expect(asked.filter((path) => path.startsWith('/auth/clients'))).toEqual(['/auth/clients']);
    await page.context().close();
  });

  test.each(LOOKS)('has no fault of accessibility in %s at %i pixels in %s', async (theme, width, language) => {
    const page = await opened(['reviewer'], theme, width, language);
    await page.locator('tbody tr').first().waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `queue-${theme}-${width}`);
    await page.goto(`${bench.platform.base}/portal/apps#${shownApp}`);
    await page.reload();
    await page.locator('dl').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.locator('.button.main').click();
    await page.locator('.tick').first().click();
    await page.locator('form input').first().waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `approve-${theme}-${width}`);
    await page.goto(`${bench.platform.base}/portal/apps#${PAST_APP}`);
    await page.reload();
    const past = page.locator('section').filter({ has: page.locator('.chart') });
    await past.waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(past, `bindings-${theme}-${width}`);
    await page.goto(`${bench.platform.base}/portal/decisions?lang=${language}`);
    await page.locator('table').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `decisions-${theme}-${width}`);
    await page.context().close();
  });

  test.each(['auditor', 'compliance'])('%s may look, and has no button that decides', async (role) => {
    const page = await opened([role]);
    await page.locator('tbody a').first().click();
    await page.getByText('You may look, and a reviewer decides.').waitFor();
    expect(await page.getByRole('button', { name: /Approve|Reject|Suspend|Revoke/ }).count()).toBe(0);
    await page.context().close();
  });

  const OTHERS = ['operator', 'engineer', 'call-centre', 'dead-letter-reader'];
  test.each(refusedInBrowser(OTHERS, 3))('%s is refused on the page', async (role) => {
    const page = await opened([role]);
    await page.getByRole('heading', { name: 'This page is not for your roles' }).waitFor();
    await page.goto(`${bench.platform.base}/portal/decisions`);
    await page.getByRole('heading', { name: 'This page is not for your roles' }).waitFor();
    await page.context().close();
  });

  test.each(OTHERS)('%s is refused on its routes', async (role) => {
    const { cookie } = await bench.session([role]);
    for (const path of ['/auth/clients', '/auth/clients/c-1', '/auth/decisions', `/ops/evidence/apps/${PAST_APP}`])
      expect((await fetch(bench.platform.base + path, { headers: { cookie } })).status).toBe(403);
  });

  test.each(['/portal/apps', '/portal/decisions'])('%s needs little before it shows something', async (path) => {
    const context = await bench.fresh();
    await bench.signIn(context, ['reviewer']);
    await weigh(bench, context, path);
    await context.close();
  });

  test('goes on when the server was away', async () => {
    const page = await opened();
    await page.locator('tbody a').first().waitFor();
    await page.route('**/auth/clients/*', (route) => route.abort());
    await page.locator('tbody a').first().click();
    await page.getByText('The server does not answer.').waitFor();
    await page.unroute('**/auth/clients/*');
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.locator('dl').waitFor();
    await page.context().close();
  });

  test('needs nothing that the policy forbids, and no other server', () => {
    expect(bench.faults.filter((fault) => !fault.includes('ERR_FAILED'))).toEqual([]);
  });
});
