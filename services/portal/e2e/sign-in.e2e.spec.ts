import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CLIENT_ID, CLIENT_SECRET, type RealProvider, realProvider } from '@provider-access/testing/oidc-provider';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, faultsOf, LOOKS, picture, PortalBench, weigh } from './bench.ts';

const ROLES = ['reviewer', 'auditor', 'operator', 'engineer', 'call-centre', 'compliance', 'dead-letter-reader'];
const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`sign in${missing}`, () => {
  const bench = new PortalBench();
  beforeAll(() => bench.share());
  afterAll(() => bench.stop());

  test.each(LOOKS)('has no fault of accessibility in %s at %i pixels in %s', async (theme, width, language) => {
    const context = await bench.fresh(theme, width, language);
    const page = await bench.open(context, '/portal');
    const token = page.locator('input[type=password]');
    await token.waitFor();
    expect(await page.locator('html').getAttribute('lang')).toBe(language);
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `sign-in-${theme}-${width}`);
    await token.fill('wrong');
    await page.locator('button[type=submit]').click();
    await page.getByRole('alert').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await token.fill(bench.platform.administratorToken);
    await page.locator('button[type=submit]').click();
    await page.locator('dl').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `home-${theme}-${width}`);
    await context.close();
  });

  test('signs in with two clicks, shows who and which roles, and signs out with one', async () => {
    const context = await bench.fresh();
    const page = await bench.open(context, '/portal');
    await page.getByLabel('Token of the administrator').fill(bench.platform.administratorToken);
    await page.getByRole('button', { name: 'Sign in with the token' }).click();
    await page.getByText('Signed in as').waitFor();
    expect(await page.locator('dl').innerText()).toContain('administrator');
    expect(await page.locator('dl').innerText()).toContain('Reviewer, Auditor, Operator');
    // The browser keeps the session in the cookie that no script can read, and nothing else.
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ name: 'pa-session', httpOnly: true, sameSite: 'Strict' });
    expect(await page.evaluate('document.cookie + localStorage.length + sessionStorage.length')).toBe('00');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You have signed out.').waitFor();
    expect(await context.cookies()).toEqual([]);
    expect(
      (
        await fetch(`${bench.platform.base}/auth/session`, {
          headers: { cookie: `pa-session=${cookie!.value}` },
        })
      ).status,
    ).toBe(401);
    await context.close();
  });

  test('goes on when the session was ended elsewhere', async () => {
    const context = await bench.fresh();
    await bench.signIn(context, ['auditor']);
    const page = await bench.open(context, '/portal');
    await page.getByText('Signed in as').waitFor();
    await context.clearCookies();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You have signed out.').waitFor();
    await context.close();
  });

  test.each(ROLES)('shows %s the pages of this role alone', async (role) => {
    const context = await bench.fresh();
    await bench.signIn(context, [role]);
    const page = await bench.open(context, '/portal');
    await page.getByText('Signed in as').waitFor();
    const pages = await page.locator('.cards a').evaluateAll((all) => all.map((one) => one.getAttribute('href')));
    expect(pages.map((href) => href!.replace(/\?.*/, ''))).toEqual([...(PAGES[role] ?? []), '/docs/']);
    await context.close();
  });

  test('speaks the language that the person chooses, and keeps it at the next page', async () => {
    const context = await bench.fresh();
    const page = await bench.open(context, '/portal');
    await page.getByRole('button', { name: 'Español' }).click();
    await page.getByRole('heading', { name: 'Entrar' }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Entrar' }).waitFor();
    expect(await page.title()).toBe('Provider Access');
    await context.close();
  });

  test('says that there is no such page', async () => {
    const context = await bench.fresh();
    await bench.signIn(context, ['auditor']);
    const page = await bench.open(context, '/portal/nothing');
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
    await context.close();
  });

  test.each(['/portal'])('%s needs little before it shows something', async (path) => {
    const context = await bench.fresh();
    await weigh(bench, context, path);
    await context.close();
  });

  test('needs nothing that the policy forbids, and no other server', () => {
    expect(bench.faults).toEqual([]);
  });
});

describe.skipIf(missing !== '')(`sign in at the identity provider of the payer (P60)${missing}`, () => {
  const bench = new PortalBench();
  const secret = join(mkdtempSync(join(tmpdir(), 'provider-access-oidc-')), 'secret');
  let provider: RealProvider;
  beforeAll(async () => {
    const port = await freePort();
    provider = await realProvider(`http://127.0.0.1:${port}/auth/session/callback`);
    writeFileSync(secret, CLIENT_SECRET, { mode: 0o600 });
    const client = { OIDC_CLIENT_ID: CLIENT_ID, OIDC_CLIENT_SECRET_FILE: secret };
    await bench.start({ ...client, OIDC_ISSUER: provider.issuer, ALLOW_INSECURE_JWKS: 'true' }, undefined, port);
  });
  afterAll(async () => {
    await bench.stop();
    await provider.close();
    rmSync(dirname(secret), { recursive: true });
  });

  /** Signs a person in as a person does, with the forms of the provider. */
  async function signedIn(context: BrowserContext, login: string): Promise<Page> {
    const page = await context.newPage();
    page.on('pageerror', ({ message }) => bench.faults.push(message));
    page.on('console', (said) => {
      if (/Content Security Policy/.test(said.text()) && said.location().url.startsWith(bench.platform.base))
        bench.faults.push(said.text());
    });
    // The forms of the provider ask for fonts of others.
    const own = [bench.platform.base, provider.issuer];
    await page.route(
      ({ href }) => !own.some((base) => href.startsWith(base)),
      (route) => route.abort(),
    );
    await page.goto(`${bench.platform.base}/portal/seals`);
    await page.getByRole('link', { name: 'Sign in with your work account' }).click();
    await page.locator('input[name=login]').fill(login);
    await page.locator('input[name=password]').fill('any');
    await page.locator('button[type=submit]').click();
    await page.locator('input[name=prompt][value=consent]').waitFor({ state: 'attached' });
    await page.locator('button[type=submit]').click();
    await page.waitForURL((url) => url.href.startsWith(bench.platform.base) && url.pathname.startsWith('/portal'));
    return page;
  }

  test('leads a person back to the page that was asked for, with the roles of the claim', async () => {
    provider.roles.set('anna', ['auditor']);
    const context = await bench.fresh();
    const page = await signedIn(context, 'anna');
    expect(new URL(page.url()).pathname).toBe('/portal/seals');
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await page.goto(`${bench.platform.base}/portal`);
    await page.locator('.cards a').first().waitFor();
    const pages = await page.locator('.cards a').evaluateAll((all) => all.map((one) => one.getAttribute('href')));
    expect(pages.map((href) => href!.replace(/\?.*/, ''))).toEqual([...PAGES['auditor']!, '/docs/']);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You have signed out.').waitFor();
    expect((await context.cookies(bench.platform.base)).filter(({ name }) => name === 'pa-session')).toEqual([]);
    await context.close();
  });

  test('lets nobody in without a role, and says so', async () => {
    const context = await bench.fresh();
    const page = await signedIn(context, 'berta');
    await page.getByText('Your work account has no role here').waitFor();
    expect(await page.locator('body').innerText()).not.toContain('Seals');
    expect((await context.cookies(bench.platform.base)).filter(({ name }) => name === 'pa-session')).toEqual([]);
    await context.close();
  });

  test('needs nothing that the policy forbids', () => {
    expect(bench.faults).toEqual([]);
  });
});

/** A port that nobody listens at now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** By hand: which role has which page. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  reviewer: ['/portal/apps', '/portal/decisions'],
  auditor: ['/portal/apps', '/portal/decisions', '/portal/audit', '/portal/seals', '/portal/levels'],
  operator: ['/portal/operator', '/portal/levels'],
  engineer: ['/portal/engineer', '/portal/imports', '/portal/dead-letters', '/portal/levels'],
  'call-centre': ['/portal/members'],
  compliance: ['/portal/apps', '/portal/decisions', '/portal/seals', '/portal/evidence', '/portal/levels'],
};
