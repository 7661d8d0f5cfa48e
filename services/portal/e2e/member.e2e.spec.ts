import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { eventually } from '@provider-access/testing';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, Clicks, faultsOf, LOOKS, picture, PortalBench, weigh } from './bench.ts';
import { clinicOf, type Clinic, fileOf, type Key, part, signed } from './sandbox.ts';

const NUMBER = /^[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}$/;
const MOST_CLICKS = 12;
/** A name that a stranger gave to an app. */
const SCRIPT = '<img src=x onerror=alert(1)>';

const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`a member${missing}`, () => {
  const bench = new PortalBench();
  let members: readonly string[];
  let read: Clinic['read'];

  beforeAll(async () => {
    await bench.share();
    ({ members, read } = await clinicOf(bench, 4 + LOOKS.length));
    for (const member of members) expect(await read(member)).toBe(200);
  });
  afterAll(() => bench.stop());

  /** A link as the payer's portal signs it (docs/member-link.md). */
  function linkOf(member: string, more: object = {}): string {
    const [key] = (fileOf(bench, 'member-portal-keys.json') as { keys: Key[] }).keys;
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: 'member-portal',
      sub: 'member-portal',
      aud: `${bench.platform.base}/auth/member-session`,
      iat: now,
      exp: now + 600,
      jti: randomUUID(),
      member,
      ...more,
    };
    return `/portal/member#${signed(key!, claims)}`;
  }
  async function opened(link: string, ...look: Parameters<PortalBench['fresh']>): Promise<Page> {
    return bench.open(await bench.fresh(...look), link);
  }

  test('N52 sees who had access, opts out with two clicks, and gets a number that the platform knows', async () => {
    const [member] = members;
    const page = await opened(linkOf(member!));
    await page.getByText('You share your data with all your doctors.').waitFor();
    // The link left the address at once, and neither the history nor the storage has it.
    expect(new URL(page.url()).hash).toBe('');
    expect(await page.evaluate('history.length + ":" + localStorage.length + sessionStorage.length')).toMatch(/:00$/);
    await eventually(async () => {
      await page.reload();
      await page.getByText('What do you want to do?').waitFor();
      // Each read appears when the view of disclosures has it, which the Group may be before.
      expect(await page.getByRole('region', { name: 'Who got your data' }).innerText()).toContain('Patient');
    });
    const clicks = new Clicks(page);
    await clicks.on(page.getByText('Share with no doctor'));
    await clicks.on(page.getByRole('button', { name: 'Save my choice' }));
    await page.getByText('It works from now on.').waitFor();
    expect(clicks.take('opt out')).toBe(2);
    const number = await page.locator('.number').innerText();
    expect(number).toMatch(NUMBER);
    expect(await read(member!)).toBe(404);
    expect(await read(members[1]!)).toBe(200);
    // A link is for one choice, and a new one shows what was said so far.
    expect(await page.getByRole('button', { name: 'Save my choice' }).count()).toBe(0);
    await page.context().close();

    const again = await opened(linkOf(member!));
    await again.getByText('You share your data with no doctor.').waitFor();
    await again.getByText('Share with all my doctors').click();
    await again.getByRole('button', { name: 'Save my choice' }).click();
    await again.getByText('It works from now on.').waitFor();
    expect(await again.locator('.number').innerText()).not.toBe(number);
    await expect.poll(() => read(member!)).toBe(200);
    await again.getByRole('button', { name: 'Leave this page' }).click();
    await again.getByText('You have left.').waitFor();
    expect(await again.context().cookies()).toEqual([]);
    await again.context().close();
  });

  test('N52 opts out of one doctor who had access, and in again', async () => {
    const member = members[1]!;
    const page = await opened(linkOf(member));
    const clicks = new Clicks(page);
    await page.locator('tbody tr').first().waitFor();
    await clicks.on(page.getByText('Do not share with one doctor'));
    await clicks.on(page.getByRole('radiogroup', { name: 'Which doctor or clinic?' }).locator('label').first());
    await clicks.on(page.getByRole('button', { name: 'Save my choice' }));
    await page.getByText('Your choice is saved').waitFor();
    expect(clicks.take('opt out of one doctor')).toBeLessThanOrEqual(MOST_CLICKS);
    expect(await read(member)).toBe(404);
    await page.context().close();

    const again = await opened(linkOf(member));
    await again.getByText('You do not share your data with:').waitFor();
    await again.getByText('Share again with one doctor').click();
    await again.getByRole('button', { name: 'Save my choice' }).click();
    await again.getByText('Your choice is saved').waitFor();
    await expect.poll(() => read(member)).toBe(200);
    await again.context().close();
  });

  test('is told when what was typed is no NPI', async () => {
    const page = await opened(linkOf(members[2]!));
    await page.getByText('Do not share with one doctor').click();
    const other = page.getByText('Another one', { exact: true });
    if ((await other.count()) > 0) await other.click();
    await page.getByLabel('NPI of the doctor or clinic').fill('1234567890');
    await page.getByRole('button', { name: 'Save my choice' }).click();
    await page.getByText('This is not an NPI.').waitFor();
    await page.getByLabel('NPI of the doctor or clinic').fill('123 456 7893');
    await page.getByRole('button', { name: 'Save my choice' }).click();
    await page.getByText('Your choice is saved').waitFor();
    expect(await read(members[2]!)).toBe(200);
    await page.context().close();
  });

  test('N51 a link that was used, changed or expired, or is of nobody, has one text without member data', async () => {
    const used = linkOf(members[0]!);
    const first = await opened(used);
    await first.getByText('What do you want to do?').waitFor();
    await first.context().close();
    const now = Math.floor(Date.now() / 1000);
    const forged = linkOf(members[0]!).replace(/\.[^.]+\./, `.${part({ member: members[0] })}.`);
    const texts = new Set<string>();
    for (const link of [
      used,
      forged,
      linkOf(members[0]!, { iat: now - 1000, exp: now - 400 }),
      linkOf('m-nobody'),
      '/portal/member#nonsense',
      '/portal/member',
    ]) {
      const page = await opened(link);
      await page.getByRole('alert').waitFor();
      texts.add(await page.locator('main').innerText());
      expect(new URL(page.url()).hash).toBe('');
      await page.context().close();
    }
    expect([...texts]).toEqual([expect.stringContaining('This link does not work any more.')]);
  });

  test('is not mixed up with somebody of the payer in the same browser', async () => {
    const context = await bench.fresh();
    await bench.signIn(context, ['reviewer']);
    for (const link of ['/portal/member', linkOf(members[0]!)]) {
      const page = await bench.open(context, link);
      await page.getByText('Sign out first.').waitFor();
      await page.close();
    }
    await context.close();
  });

  test('has nothing of the staff: their page and routes are refused', async () => {
    const context = await bench.fresh();
    const page = await bench.open(context, linkOf(members[3]!));
    await page.getByText('What do you want to do?').waitFor();
    const [cookie] = await context.cookies();
    for (const path of [
      '/auth/clients',
      `/fhir/Consent?patient=${members[0]}`,
      `/ops/disclosures?member=${members[0]}`,
    ])
      expect(
        (await fetch(bench.platform.base + path, { headers: { cookie: `${cookie!.name}=${cookie!.value}` } })).status,
      ).toBe(403);
    const staff = await bench.open(context, '/portal/apps');
    await staff.getByRole('heading', { name: 'This page is not for your roles' }).waitFor();
    await context.close();
  });

  test('speaks the language of the link, of the browser, or the one that the member chooses', async () => {
    const spanish = await opened(linkOf(members[3]!, { language: 'es-MX' }));
    await spanish.getByRole('heading', { name: 'Quién puede ver sus datos de salud' }).waitFor();
    await spanish.getByRole('button', { name: 'English' }).click();
    await spanish.getByRole('heading', { name: 'Who may see your health data' }).waitFor();
    expect(await spanish.title()).toBe('Your health data');
    await spanish.context().close();
  });

  test('prints without what is only for the screen', async () => {
    const page = await opened(linkOf(members[3]!));
    await page.getByText('What do you want to do?').waitFor();
    await page.emulateMedia({ media: 'print' });
    expect(await page.getByRole('button').filter({ visible: true }).count()).toBe(0);
    expect(await page.getByRole('heading', { name: 'Who got your data' }).isVisible()).toBe(true);
    await page.context().close();
  });

  test('sees what strangers wrote as text, and no script runs', async () => {
    const context = await bench.fresh();
    const page = await context.newPage();
    page.on('dialog', (dialog) => bench.faults.push(`a script ran: ${dialog.message()}`));
    await page.route('**/ops/disclosures*', (route) =>
      route.fulfill({
        json: {
          disclosures: [
            { id: '1', at: new Date().toISOString(), types: [SCRIPT], agent: { name: SCRIPT, providers: [SCRIPT] } },
          ],
        },
      }),
    );
    await page.goto(bench.platform.base + linkOf(members[3]!));
    expect(await page.getByRole('region', { name: 'Who got your data' }).innerText()).toContain(SCRIPT);
    expect(await page.locator('main img').count()).toBe(0);
    await context.close();
  });

  test.each(LOOKS)('has no fault of accessibility in %s at %i pixels in %s', async (theme, width, language) => {
    // Each look decides, so each has a member of its own.
    const at = LOOKS.findIndex((look) => look[0] === theme && look[1] === width);
    const page = await opened(linkOf(members[4 + at]!), theme, width, language);
    await page.locator('.radio').nth(1).click();
    await page.locator('.radios').nth(1).or(page.locator('form input[type=text]')).first().waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `member-${theme}-${width}`);
    await page.locator('.radio').first().click();
    await page.locator('.button.main').click();
    await page.locator('.number').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `member-done-${theme}-${width}`);
    await page.context().close();
    const wrong = await opened('/portal/member#x', theme, width, language);
    await wrong.getByRole('alert').waitFor();
    expect(await faultsOf(wrong)).toEqual([]);
    await wrong.context().close();
  });

  test('needs little before it shows something', async () => {
    const context = await bench.fresh();
    await weigh(bench, context, linkOf(members[3]!));
    await context.close();
  });

  test('needs nothing that the policy forbids, and no other server', () => {
    expect(bench.faults).toEqual([]);
  });
});
