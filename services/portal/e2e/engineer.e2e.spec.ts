import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, Clicks, faultsOf, LOOKS, picture, PortalBench, refusedInBrowser, weigh } from './bench.ts';
import { administrator, type Clinic, clinicOf, enterOptOut } from './sandbox.ts';
import { LABORATORY } from './shared.ts';

const MOST_CLICKS = 12;
const OTHERS = ['reviewer', 'auditor', 'operator', 'call-centre', 'compliance', 'dead-letter-reader'];
/** What a stranger may call a source. */
const HOSTILE = 'urn:provider-access:sandbox/<img/src=x/onerror=alert(1)>';
const CONDITION = 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-condition-problems-health-concerns';
const ROUTES = ['/ops/slo/freshness', '/ops/feeds', '/ops/lists', '/ops/lists/g1/funnel', '/ops/views/attribution'];

const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`a payer's engineer${missing}`, () => {
  const bench = new PortalBench();
  let clinic: Clinic;
  beforeAll(async () => {
    await bench.share();
    clinic = await clinicOf(bench, 3);
    for (const source of [LABORATORY, HOSTILE]) await sendCondition(source, clinic.members[0]!);
  });
  afterAll(() => bench.stop());

  /** A problem without its category, which the profile demands. */
  async function sendCondition(source: string, member: string): Promise<void> {
    const id = randomUUID();
    const answer = await fetch(`${bench.platform.base}/events`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${bench.platform.payerToken}`,
        'content-type': 'application/cloudevents+json',
      },
      body: JSON.stringify({
        ...{ specversion: '1.0', id, source, type: 'payer.resource-recorded.v1', subject: member },
        time: new Date(Date.now() - 1000).toISOString(),
        data: {
          resource: {
            ...{ resourceType: 'Condition', id, meta: { profile: [`${CONDITION}|6.1.0`] } },
            ...{ subject: { reference: `Patient/${member}` }, code: { text: 'asthma' } },
          },
        },
      }),
    });
    expect([answer.status, await answer.text()]).toEqual([202, expect.stringContaining('accepted')]);
  }
  async function opened(role = 'engineer', ...look: Parameters<PortalBench['fresh']>): Promise<Page> {
    const context = await bench.fresh(...look);
    await bench.signIn(context, [role]);
    return bench.open(context, '/portal/engineer');
  }
  const rowsOf = (page: Page, table: string, name: string) =>
    page.getByRole('region', { name: table }).getByRole('row').filter({ hasText: name });
  test('learns which feed is late, and how many events each had today and yesterday', async () => {
    const page = await opened();
    await page.getByText('Feeds that are late: 1.').waitFor();
    const late = page.getByRole('region', { name: 'Feeds' }).locator('tbody tr').first();
    expect(await late.innerText()).toMatch(/Observation\s+urn:\S+\/laboratory\s+never heard\s+2 h\s+late/);
    await expect
      .poll(async () => {
        await page.reload();
        const row = rowsOf(page, 'Feeds', LABORATORY).filter({ hasText: 'Condition' });
        await page.getByText('Feeds that are late: 1.').waitFor();
        return (await row.count()) === 0 ? [] : row.getByRole('cell').allInnerTexts();
      })
      .toEqual([expect.stringMatching(/\d/), '30 d', '1', '0']);
    await page.context().close();
  });

  test('shows the first hundred of a thousand feeds, the late ones first, and all on demand', async () => {
    const context = await bench.fresh();
    await bench.signIn(context, ['engineer']);
    // No payer of the tests has so many sources. The server bounds the report to some thousand rows.
    const feeds = Array.from({ length: 1000 }, (_, n) => ({
      ...{ source: `urn:s:${n}`, type: 'Condition', newest: '2026-01-01T00:00:00Z', silentMs: 1000, days: [] },
      ...(n === 999 && { expectedMs: 1 }),
    }));
    await context.route('**/ops/slo/freshness*', (route) => route.fulfill({ json: { to: '2026-01-01', feeds } }));
    const page = await bench.open(context, '/portal/engineer');
    const rows = page.getByRole('region', { name: 'Feeds' }).locator('tbody tr');
    await rows.filter({ hasText: 'urn:s:999' }).waitFor();
    expect([await rows.count(), await rows.first().innerText()]).toEqual([100, expect.stringContaining('urn:s:999')]);
    await page.getByRole('button', { name: 'All 1,000 feeds' }).click();
    await expect.poll(() => rows.count()).toBe(1000);
    await context.close();
  });

  test('learns what the data of a source lacks', async () => {
    const page = await opened();
    const row = rowsOf(page, 'What the data lacks', LABORATORY).filter({ hasText: 'Condition' });
    await expect
      .poll(async () => {
        await page.reload();
        await page.getByRole('region', { name: 'Feeds' }).waitFor();
        await page.getByText(/\(UTC days\)/).waitFor();
        return (await row.count()) === 0 ? '' : row.innerText();
      })
      .toMatch(/us-core-condition-problems[\s\S]+1 of 1[\s\S]+without the profile[\s\S]+Condition\.category/);
    await page.context().close();
  });

  test('learns what each Group lacks, and how far each view is', async () => {
    const page = await opened();
    const groups = page.getByRole('region', { name: 'Groups' }).locator('tbody tr');
    await groups.first().waitFor();
    expect(await groups.first().innerText()).toMatch(/\d{10}/);
    await page.getByRole('button', { name: /^All \d+ views$/ }).click();
    const view = rowsOf(page, 'Views', 'memberships');
    // Others of this file send events, so the view may be behind for a moment.
    await expect
      .poll(async () => {
        const text = await view.innerText();
        if (!/\s0\s/.test(text)) {
          await page.reload();
          await page.getByRole('button', { name: /^All \d+ views$/ }).click();
        }
        return text;
      })
      .toMatch(/attribution\s+0\s+\d+\s+live/);
    await page.context().close();
  });

  test('learns why a Group is empty, and who was lost at a step', async () => {
    const page = await opened();
    await enterOptOut(bench, clinic.members[1]!);
    await expect.poll(() => clinic.read(clinic.members[1]!)).toBe(404);
    const app = await administrator<{ npi: string[] }>(bench, `/auth/clients/${clinic.client}`);
    const clicks = new Clicks(page);
    await clicks.on(rowsOf(page, 'Groups', app.npi[0]!).getByRole('button', { name: /^Why empty/ }));
    const table = page.getByRole('region', { name: 'Why is this Group empty?' });
    const steps = ['On the list', 'Attributed now', 'Not opted out', 'Covered now', 'Provider in network'];
    const passing: number[] = [];
    for (const step of steps)
      passing.push(Number(await table.getByRole('row', { name: step }).getByRole('cell').first().innerText()));
    expect(passing).toEqual(passing.toSorted((a, b) => b - a));
    expect(passing.at(-1)).toBeGreaterThan(0);
    await page.getByText(/^An app of these providers sees \d+ members now\./).waitFor();
    await clicks.on(table.getByRole('button', { name: 'Who? Not opted out' }));
    const lost = page.getByRole('region', { name: 'Lost at: Not opted out' });
    await lost.getByRole('row', { name: clinic.members[1]! }).getByText('an opt-out covers the provider.').waitFor();
    expect(clicks.take('find who was lost at a step')).toBeLessThanOrEqual(MOST_CLICKS);
    await page.getByLabel('Decide for').selectOption(clinic.client);
    await page.getByText(/ sees \d+ members now\./).waitFor();
    await lost.waitFor({ state: 'detached' });
    await clicks.on(table.getByRole('button', { name: 'Who? Not opted out' }));
    await lost.getByRole('row', { name: clinic.members[1]! }).waitFor();
    // No member is in the address.
    expect(page.url()).not.toContain(clinic.members[1]!);
    expect(await faultsOf(page)).toEqual([]);
    await picture(table, 'funnel-light-1280');
    // A Group of matches is in no roster, so its id is typed.
    const id = page.getByLabel('Id of a Group');
    const look = page.locator('form').filter({ has: id }).getByRole('button');
    await id.fill('nothing');
    await look.click();
    await page.getByText('There is no Group with this id.').waitFor();
    await id.fill(await rowsOf(page, 'Groups', app.npi[0]!).locator('th .soft').last().innerText());
    await look.click();
    await page.getByText(/^An app of these providers sees \d+ members now\./).waitFor();
    await page.context().close();
  });

  test('names no member before somebody asks for them', async () => {
    const page = await opened();
    await page.getByRole('button', { name: /^All \d+ views$/ }).click();
    const text = await page.locator('body').innerText();
    for (const member of clinic.members) expect(text).not.toContain(member);
    await page.context().close();
  });

  test('shows the name of a source as text, whatever is in it', async () => {
    const page = await opened();
    await expect
      .poll(async () => {
        await page.reload();
        await page.getByRole('region', { name: 'Feeds' }).waitFor();
        return rowsOf(page, 'Feeds', HOSTILE).count();
      })
      .toBe(1);
    expect(await page.locator('main img').count()).toBe(0);
    await page.context().close();
  });

  test('whose role was taken away under the open page learns nothing more', async () => {
    const page = await opened();
    await page.getByRole('region', { name: 'Groups' }).waitFor();
    await bench.signIn(page.context(), ['reviewer']);
    await page.reload();
    await page.getByRole('heading', { name: 'This page is not for your roles' }).waitFor();
    expect(await page.locator('table').count()).toBe(0);
    await page.context().close();
  });

  test.each(LOOKS)('has no fault of accessibility in %s at %i pixels in %s', async (theme, width, language) => {
    const page = await opened('engineer', theme, width, language);
    await page.getByRole('button', { name: /^(?:All|Las) \d+/ }).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page.locator('section').first(), `engineer-${theme}-${width}`);
    await page.context().close();
  });

  test.each(refusedInBrowser(OTHERS, 3))('%s is refused on the page', async (role) => {
    const page = await opened(role);
    await page.getByRole('heading', { name: 'This page is not for your roles' }).waitFor();
    await page.context().close();
  });

  test.each(['reviewer', 'call-centre', 'dead-letter-reader'])('%s is refused on each of its routes', async (role) => {
    const { cookie } = await bench.session([role]);
    for (const route of ROUTES)
      expect([route, (await fetch(bench.platform.base + route, { headers: { cookie } })).status]).toEqual([route, 403]);
  });

  test('needs little before it shows something', async () => {
    const context = await bench.fresh();
    await bench.signIn(context, ['engineer']);
    await weigh(bench, context, '/portal/engineer');
    await context.close();
  });

  test('goes on where it was when the server was away', async () => {
    const context = await bench.fresh();
    await bench.signIn(context, ['engineer']);
    await context.route('**/ops/feeds', (route) => route.abort());
    const page = await bench.open(context, '/portal/engineer');
    await page.getByRole('alert').getByText('The server does not answer.').waitFor();
    // The other sections are there.
    await page.getByRole('region', { name: 'Feeds' }).waitFor();
    await context.unroute('**/ops/feeds');
    const clicks = new Clicks(page);
    await clicks.on(page.getByRole('button', { name: 'Try again' }));
    await page.getByText(/\(UTC days\)/).waitFor();
    expect(clicks.take('ask again')).toBeLessThanOrEqual(MOST_CLICKS);
    await context.close();
  });

  test('needs nothing that the policy forbids, and no other server', () => {
    expect(bench.faults.filter((text) => !text.includes('ERR_FAILED'))).toEqual([]);
  });
});
