import { existsSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, Clicks, faultsOf, LOOKS, picture, PortalBench, refusedInBrowser } from './bench.ts';
import { administrator, approveStranger, type Clinic, clinicOf } from './sandbox.ts';

/** A name that a stranger gave to an app. */
const SCRIPT = '<img src=x onerror=alert(1)><script>alert(2)</script>';
const VERSION = 'opt-out 2026-11';
const NUMBER = /^[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}$/;
/** An NPI of no provider of the synthetic payer. */
const OTHER_NPI = '1234567893';
const MOST_CLICKS = 12;
const OTHERS = ['reviewer', 'auditor', 'operator', 'engineer', 'compliance', 'dead-letter-reader'];

const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`a person of the call centre${missing}`, () => {
  const bench = new PortalBench();
  let clinic: Clinic;
  let members: readonly string[];

  const admin = <T>(path: string): Promise<T> => administrator<T>(bench, path);
  beforeAll(async () => {
    await bench.share();
    clinic = await clinicOf(bench, 5 + LOOKS.length);
    ({ members } = clinic);
    const { npi } = await admin<{ npi: readonly string[] }>(`/auth/clients/${clinic.client}`);
    await approveStranger(bench, clinic.client, npi[0]!, SCRIPT);
  });
  afterAll(() => bench.stop());

  async function opened(
    roles: readonly string[] = ['call-centre'],
    ...look: Parameters<PortalBench['fresh']>
  ): Promise<Page> {
    const context = await bench.fresh(...look);
    await bench.signIn(context, roles);
    return bench.open(context, '/portal/members');
  }
  async function shown(member: string): Promise<Page> {
    const page = await opened();
    await page.getByLabel("Member's id").fill(member);
    await page.getByRole('button', { name: 'Show the member' }).click();
    await page.getByRole('heading', { name: `Member ${member}` }).waitFor();
    return page;
  }
  /** Each decision of the member: what it is, its number and its script. */
  async function decisions(member: string): Promise<readonly string[]> {
    const { entry = [] } = await admin<{ entry?: { resource: Record<string, never> }[] }>(
      `/fhir/Consent?patient=${member}`,
    );
    return entry.map(({ resource }) => JSON.stringify(resource));
  }

  test('sees who can see the member, enters an opt-out, and prints the number, with few clicks', async () => {
    const [member] = members;
    expect(await clinic.read(member!)).toBe(200);
    const page = await opened();
    const clicks = new Clicks(page);
    await clicks.on(page.getByLabel("Member's id"));
    await page.keyboard.type(member!);
    await clicks.on(page.getByRole('button', { name: 'Show the member' }));
    await page.getByText('You share your data with all your doctors.').waitFor();
    const seeing = page.getByRole('region', { name: 'Apps that can see the member now' });
    expect(await seeing.innerText()).toContain(clinic.client);
    expect(await seeing.innerText()).toMatch(
      /The member is attributed to .*NPI \d{10}.* since .* works for this provider/,
    );
    await clicks.on(page.getByText('Share with no doctor'));
    await page.getByText('From now on no doctor can get your data from us in this way.').waitFor();
    await clicks.on(page.getByText('The member', { exact: true }));
    await clicks.on(page.getByLabel('Version of the script'));
    await page.keyboard.type(VERSION);
    await clicks.on(page.getByRole('button', { name: 'Save the decision' }));
    await page.getByText('Your choice is saved. It works from now on.').waitFor();
    const number = await page.locator('.number').innerText();
    expect(number).toMatch(NUMBER);
    await page.evaluate('globalThis.print = () => { globalThis.printed = true; }');
    await clicks.on(page.getByRole('button', { name: 'Print for the member' }));
    expect(await page.evaluate('printed')).toBe(true);
    expect(clicks.take('opt out by telephone')).toBeLessThanOrEqual(MOST_CLICKS);
    expect(await clinic.read(member!)).toBe(404);
    expect(await clinic.read(members[1]!)).toBe(200);
    const [kept] = await decisions(member!);
    for (const part of [number, VERSION, '"deny"', `"Patient/${member}"`]) expect(kept).toContain(part);

    // On paper stands what the member needs, and nothing that is for the screen.
    await page.emulateMedia({ media: 'print' });
    expect(await page.getByRole('button').filter({ visible: true }).count()).toBe(0);
    const paper = await page.locator('main').innerText();
    for (const part of [number, member!, VERSION, 'Share with no doctor']) expect(paper).toContain(part);
    await page.emulateMedia({ media: 'screen' });

    // The language of the paper is that of the member, whatever the person speaks.
    await page.getByRole('button', { name: 'Español' }).click();
    await page.getByText('Hemos guardado lo que quiere. Vale desde ahora.').waitFor();
    expect(await page.locator('.number').innerText()).toBe(number);
    expect(page.url()).not.toContain(member!);

    // The next call begins with an empty page, and another one of this member shows the decision.
    await page.getByRole('button', { name: 'Llamada siguiente' }).click();
    expect(await page.locator('main').innerText()).not.toContain(member!);
    await page.context().close();
    const again = await shown(member!);
    await again.getByText('You share your data with no doctor.').waitFor();
    await again.getByText('No app can see the member now.').waitFor();
    await again.getByRole('heading', { name: 'Apps that could see the member in the last 24 hours' }).waitFor();
    const before = again.getByRole('listitem').filter({ hasText: clinic.client });
    expect(await before.innerText()).toContain('The member has opted out of the providers of the app.');
    await again.getByText('Share with all doctors').click();
    await again.getByText('The member', { exact: true }).click();
    await again.getByLabel('Version of the script').fill(VERSION);
    await again.getByRole('button', { name: 'Save the decision' }).click();
    await again.getByText('Your choice is saved.').waitFor();
    await expect.poll(() => clinic.read(member!)).toBe(200);
    await again.context().close();
  });

  test('N25 enters an opt-out of one provider, and in again, and others still see the member', async () => {
    const member = members[1]!;
    const page = await shown(member);
    const clicks = new Clicks(page);
    await clicks.on(page.getByText('Do not share with one doctor'));
    const other = page.getByLabel('NPI of the provider');
    await clicks.on(other);
    await page.keyboard.type('1234567890');
    await clicks.on(page.getByText('The member', { exact: true }));
    await clicks.on(page.getByLabel('Version of the script'));
    await page.keyboard.type(VERSION);
    await clicks.on(page.getByRole('button', { name: 'Save the decision' }));
    await page.getByText('This is not an NPI.').waitFor();
    expect(await decisions(member)).toEqual([]);
    await other.fill(OTHER_NPI);
    await clicks.on(page.getByRole('button', { name: 'Save the decision' }));
    await page.getByText('Your choice is saved.').waitFor();
    expect(await page.locator('main').innerText()).toContain(`NPI ${OTHER_NPI}`);
    expect(clicks.take('opt out of one provider') + 2).toBeLessThanOrEqual(MOST_CLICKS);
    expect(await clinic.read(member)).toBe(200);
    expect((await decisions(member))[0]).toContain(OTHER_NPI);
    await page.context().close();
    const again = await shown(member);
    await again.getByText('You do not share your data with:').waitFor();
    await again.getByText('Share again with one doctor').click();
    await again.getByLabel('Provider', { exact: true }).selectOption(OTHER_NPI);
    await again.getByText('The member', { exact: true }).click();
    await again.getByLabel('Version of the script').fill(VERSION);
    await again.getByRole('button', { name: 'Save the decision' }).click();
    await again.getByText('Your choice is saved.').waitFor();
    await again.context().close();
  });

  test('N9 an opt-in of a representative needs who checked the authority, and an opt-out does not', async () => {
    const member = members[2]!;
    const page = await shown(member);
    await page.getByText('Share with no doctor').click();
    await page.getByText('A personal representative').click();
    await page.getByLabel('Version of the script').fill(VERSION);
    await page.getByLabel('Your reference of the representative').fill('Anna Example');
    await page.getByRole('button', { name: 'Save the decision' }).click();
    await page.getByText('The reference has letters').waitFor();
    await page.getByLabel('Your reference of the representative').fill('case-17');
    await page.getByRole('button', { name: 'Save the decision' }).click();
    await page.getByText('the person who may speak for you').waitFor();
    expect(await clinic.read(member)).toBe(404);
    await page.context().close();

    const again = await shown(member);
    await again.getByText('Share with all doctors').click();
    await again.getByText('A personal representative').click();
    await again.getByLabel('Version of the script').fill(VERSION);
    await again.getByLabel('Your reference of the representative').fill('case-17');
    await again.getByRole('button', { name: 'Save the decision' }).click();
    expect(await again.locator('.number').count()).toBe(0);
    await again.getByLabel('Who checked the authority').fill('desk 4, power of attorney');
    await again.getByRole('button', { name: 'Save the decision' }).click();
    await again.getByText('the person who may speak for you').waitFor();
    expect((await decisions(member)).join()).toContain('desk 4, power of attorney');
    await again.context().close();
  });

  test('reads which notices the member got, and which one is due', async () => {
    const member = members[1]!;
    const page = await shown(member);
    const { notices, sent } = await admin<{
      notices: readonly { due: string; overdue: boolean }[];
      sent: readonly { on: string }[];
    }>(`/ops/notices?member=${member}`);
    expect(notices.length + sent.length).toBeGreaterThan(0);
    const section = page
      .locator('section')
      .filter({ has: page.getByRole('heading', { name: 'Notices to the member' }) });
    // The days of the payer's calendar, whatever the zone of the browser is.
    const english = (day: string): string =>
      new Date(`${day}T00:00:00Z`).toLocaleDateString('en', { dateStyle: 'medium', timeZone: 'UTC' });
    const text = await section.innerText();
    for (const { due, overdue } of notices)
      expect(text).toContain(`${overdue ? 'It should have been sent by' : 'Due until'} ${english(due)}: the notice`);
    for (const { on } of sent) expect(text).toContain(english(on));
    await page.context().close();
  });

  test('pages through who asked for data', async () => {
    const member = members[3]!;
    for (let n = 0; n < 55; n += 1) expect(await clinic.read(member)).toBe(200);
    const page = await shown(member);
    const rows = page.getByRole('region', { name: 'Who asked for data' }).locator('tbody tr');
    expect(await rows.count()).toBe(50);
    await page.getByRole('button', { name: 'Show older ones' }).click();
    await expect.poll(() => rows.count()).toBeGreaterThanOrEqual(55);
    expect(await rows.first().innerText()).toContain('Patient');
    await page.context().close();
  });

  test('sees what strangers wrote as text, no script runs, and a script is no version of a script', async () => {
    const member = members[4]!;
    const page = await shown(member);
    await page.getByRole('cell', { name: SCRIPT }).waitFor();
    await page.getByText('Share with no doctor').click();
    await page.getByText('The member', { exact: true }).click();
    await page.getByLabel('Version of the script').fill(SCRIPT);
    await page.getByRole('button', { name: 'Save the decision' }).click();
    await page.getByRole('alert').waitFor();
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await decisions(member)).toEqual([]);
    await page.context().close();
  });

  test('leaves nothing about a member in the address or in the browser', async () => {
    const page = await shown(members[0]!);
    const script = 'JSON.stringify([location.href, document.title, history.state, localStorage, sessionStorage])';
    expect(await page.evaluate(script)).not.toContain(members[0]);
    expect(await page.evaluate('history.length + ":" + localStorage.length + sessionStorage.length')).toMatch(/:00$/);
    await page.reload();
    await page.getByLabel("Member's id").waitFor();
    expect(await page.getByLabel("Member's id").inputValue()).toBe('');
    await page.context().close();
  });

  test('finds a member by name and birth date, leaves no name behind, and is told of nobody', async () => {
    const member = members[4]!;
    const { name, birthDate } = await clinic.patient(member);
    const page = await opened();
    const enter = async (family: string): Promise<void> => {
      const [year, month, day] = birthDate.split('-') as [string, string, string];
      await page.getByLabel('Family name').fill(family);
      await page.getByLabel('Day of birth').fill(String(Number(day)));
      await page.getByLabel('Month of birth').selectOption(month);
      await page.getByLabel('Year of birth').fill(year);
      await page.getByRole('button', { name: 'Find by name' }).click();
    };
    await enter('Nobody-has-this');
    await page.getByText('Nobody has this name and birth date.').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await enter(name[0]!.family.toUpperCase());
    await page.getByRole('button', { name: `Show the member ${member}` }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    expect(await page.evaluate('JSON.stringify([location.href, localStorage, sessionStorage])')).not.toContain(member);
    await page.getByRole('button', { name: `Show the member ${member}` }).click();
    await page.getByRole('heading', { name: `Member ${member}` }).waitFor();
    await page.context().close();
  });

  test('is told when an id is unknown, or is none', async () => {
    const page = await opened();
    await page.getByLabel("Member's id").fill('../x');
    await page.getByRole('button', { name: 'Show the member' }).click();
    await page.getByText('This is not an id').waitFor();
    await page.getByLabel("Member's id").fill('m-nobody');
    await page.getByRole('button', { name: 'Show the member' }).click();
    await page.getByText('Nothing is known about this id.').waitFor();
    await page.context().close();
  });

  test.each(LOOKS)('has no fault of accessibility in %s at %i pixels in %s', async (theme, width, language) => {
    const member = members[5 + LOOKS.findIndex((look) => look[0] === theme && look[1] === width)]!;
    expect(await clinic.read(member)).toBe(200);
    const page = await opened(['call-centre'], theme, width, language);
    await page.locator('form input').first().waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.locator('form input').first().fill(member);
    await page.locator('.button.main').click();
    await page.locator('.radio').nth(1).click();
    await page.locator('.radio').last().click();
    await page.locator('.notice').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await page.locator('.radio').first().click();
    await page.locator('.radio').nth(4).click();
    await page.locator('form input[maxlength="100"]').fill(VERSION);
    await picture(page, `call-${theme}-${width}`);
    await page.locator('.button.main').click();
    await page.locator('.number').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `call-done-${theme}-${width}`);
    await page.context().close();
  });

  test.each(refusedInBrowser(OTHERS, 1))('%s is refused on the page', async (role) => {
    const page = await opened([role]);
    await page.getByRole('heading', { name: 'This page is not for your roles' }).waitFor();
    await page.context().close();
  });

  test.each(OTHERS)('%s has no route to enter a decision', async (role) => {
    const { cookie, csrf } = await bench.session([role]);
    const headers = { cookie };
    // An auditor may ask who saw and who could see (docs/roles.md), and decides nothing.
    const since = new Date(Date.now() - 3_600_000).toISOString();
    const asks = role === 'auditor' ? 200 : 403;
    for (const [path, status] of [
      [`/fhir/Consent?patient=${members[0]}`, 403],
      [`/ops/disclosures?member=${members[0]}`, asks],
      [`/ops/explain/apps?member=${members[0]}&from=${since}`, asks],
    ] as const)
      expect((await fetch(bench.platform.base + path, { headers })).status, path).toBe(status);
    for (const [path, type] of [
      ['/fhir/Consent', 'application/fhir+json'],
      ['/fhir/Consent/_search', 'application/x-www-form-urlencoded'],
    ] as const) {
      const sent = { ...headers, 'x-csrf-token': csrf, 'content-type': type };
      const answer = await fetch(bench.platform.base + path, { method: 'POST', headers: sent, body: '{}' });
      expect(answer.status, path).toBe(403);
    }
  });

  test('needs nothing that the policy forbids, and no other server', () => {
    expect(bench.faults).toEqual([]);
  });
});
