import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, faultsOf, LOOKS, picture, PortalBench, weigh } from './bench.ts';

const ROLES = ['reviewer', 'auditor', 'operator', 'engineer', 'call-centre', 'compliance', 'dead-letter-reader'];
const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`sign in${missing}`, () => {
  const bench = new PortalBench();
  beforeAll(() => bench.start());
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

/** By hand: which role has which page. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  reviewer: ['/portal/apps', '/portal/decisions'],
  auditor: ['/portal/apps', '/portal/decisions', '/portal/audit', '/portal/seals', '/portal/levels'],
  operator: ['/portal/operator', '/portal/levels'],
  engineer: ['/portal/engineer', '/portal/dead-letters', '/portal/levels'],
  'call-centre': ['/portal/members'],
  compliance: ['/portal/apps', '/portal/decisions', '/portal/seals', '/portal/evidence', '/portal/levels'],
};
