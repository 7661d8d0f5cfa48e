import { existsSync, readdirSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AWAY, CHROMIUM, Clicks, faultsOf, LOOKS, picture, PortalBench, refusedInBrowser, weigh } from './bench.ts';

const SCRIPT = '<img src=x onerror=alert(1)><script>alert(2)</script>';
const STATUS_NOTICE = `Maintenance on Sunday, 02:00 to 03:00 UTC. ${SCRIPT}`;
const MOST_CLICKS = 12;
/** By hand (docs/roles.md). */
const OTHERS = ['reviewer', 'auditor', 'engineer', 'call-centre', 'compliance', 'dead-letter-reader'];
const SERVICES = ['auth', 'attribution', 'consent', 'resources', 'export'];
/** So many alerts have a runbook, and each runbook is of an alert. */
const RUNBOOKS = readdirSync(join(import.meta.dirname, '../../../docs/runbooks')).filter((name) => /^Prov/.test(name));
/** A disk is nearly full if it has less than eight times this. */
function aQuarterOfTheDisk(): string {
  const { bavail, bsize } = statfsSync(tmpdir());
  return String(Math.floor((bavail * bsize) / 4));
}

const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`an operator${missing}`, () => {
  const bench = new PortalBench();
  /** The platform begins with a disk that is nearly full. */
  let isFull = true;
  beforeAll(() => bench.start({ MIN_FREE_BYTES: aQuarterOfTheDisk(), STATUS_NOTICE }));
  afterAll(() => bench.stop());
  async function giveRoom(): Promise<void> {
    if (isFull) await bench.restart();
    isFull = false;
  }

  async function opened(roles: readonly string[] = ['operator'], ...look: Parameters<PortalBench['fresh']>) {
    const context = await bench.fresh(...look);
    await bench.signIn(context, roles);
    return bench.open(context, '/portal/operator');
  }
  const region = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

  test('finds what is unhealthy and its runbook, with few clicks', async () => {
    const page = await opened();
    const clicks = new Clicks(page);
    const now = region(page, 'Unhealthy now');
    const row = now.getByRole('row', { name: /DiskNearlyFull/ });
    await row.first().waitFor();
    expect(await row.first().innerText()).toContain('The disk of the data folder has');
    await page
      .getByRole('alert')
      .getByText(/^Alerts that hold now: [12]/)
      .waitFor();
    await picture(now.locator('..'), 'operator-light-1280');
    await clicks.on(row.first().getByRole('link', { name: 'Runbook' }));
    await page.waitForURL(/\/docs\/runbooks\/ProviderAccessDiskNearlyFull\.html$/);
    expect(clicks.take('find the runbook')).toBeLessThanOrEqual(MOST_CLICKS);
    await page.goBack();
    await clicks.on(page.getByRole('link', { name: 'What providers see' }));
    await page.getByText(STATUS_NOTICE).waitFor();
    expect(await page.locator('main script, main img').count()).toBe(0);
    expect(await faultsOf(page)).toEqual([]);
    expect(clicks.take('see what providers see')).toBeLessThanOrEqual(MOST_CLICKS);
    await page.context().close();
  });

  test('goes on where it was when the server restarts under the open page', async () => {
    const page = await opened();
    await region(page, 'Services').waitFor();
    await bench.platform.stop();
    await page.getByRole('button', { name: 'Look again' }).click();
    await page.getByRole('alert').getByText('The server does not answer.').waitFor();
    await giveRoom();
    await page.getByRole('button', { name: 'Try again' }).click();
    await region(page, 'Services').waitFor();
    await page.context().close();
  });

  describe('whose disk has room', () => {
    beforeAll(giveRoom);

    test('sees that nothing is unhealthy, each service, and what only Prometheus knows', async () => {
      const page = await opened();
      await page.getByText('Nothing is unhealthy, as far as the platform itself can see.').waitFor();
      for (const service of SERVICES)
        expect(
          await region(page, 'Services')
            .getByRole('row', { name: new RegExp(`^${service} ready`) })
            .count(),
        ).toBe(1);
      expect(await region(page, 'All alerts').locator('tbody tr').count()).toBe(RUNBOOKS.length);
      expect(
        await region(page, 'All alerts')
          .getByRole('row', { name: /^Errors/ })
          .innerText(),
      ).toContain('ask Prometheus');
      await page.getByRole('button', { name: 'Show all', exact: true }).click();
      await region(page, 'How far behind')
        .getByRole('row', { name: /^resources-intake/ })
        .first()
        .waitFor();
      await page.context().close();
    });

    test('a service that does not answer is unhealthy, and what it says is text', async () => {
      const page = await opened();
      await page.route('**/ops/health/export', (route) => route.fulfill({ status: 502, body: '' }));
      await page.route('**/ops/health/consent', async (route) => {
        const answer = await route.fetch();
        const body = (await answer.json()) as { ready: boolean; checks: object[] };
        const checks = [...body.checks, { name: SCRIPT, ready: false, detail: SCRIPT }];
        await route.fulfill({ response: answer, json: { ...body, ready: false, checks } });
      });
      await page.getByRole('button', { name: 'Look again' }).click();
      const now = region(page, 'Unhealthy now');
      expect(await now.getByRole('row', { name: /^export/ }).innerText()).toContain('The service does not answer.');
      expect(
        await now
          .getByRole('row', { name: /^export/ })
          .getByRole('link')
          .getAttribute('href'),
      ).toBe('/docs/runbooks/ProviderAccessServiceAbsent.html');
      expect(await now.getByRole('row', { name: /^consent/ }).innerText()).toContain(SCRIPT);
      expect(await page.locator('main img, main script').count()).toBe(0);
      await page.context().close();
    });

    test('whose role was taken away under the open page learns nothing more', async () => {
      const page = await opened();
      await region(page, 'Services').waitFor();
      await bench.signIn(page.context(), ['reviewer']);
      await page.getByRole('button', { name: 'Look again' }).click();
      await page.getByRole('alert').getByText('None of your roles permits this.').waitFor();
      expect(await page.locator('table').count()).toBe(0);
      await page.context().close();
    });

    test.each(LOOKS)('has no fault of accessibility in %s at %i pixels in %s', async (theme, width, language) => {
      const page = await opened(['operator'], theme, width, language);
      await page.locator('tbody').first().waitFor();
      expect(await faultsOf(page)).toEqual([]);
      if (`${theme}-${width}` !== 'light-1280') await picture(page, `operator-${theme}-${width}`);
      await page.context().close();
    });

    test.each(refusedInBrowser(OTHERS, 4))('%s is refused on the page', async (role) => {
      const page = await opened([role]);
      await page.getByRole('heading', { name: 'This page is not for your roles' }).waitFor();
      await page.context().close();
    });

    test.each(OTHERS)('%s is refused on its routes', async (role) => {
      const { cookie } = await bench.session([role]);
      for (const service of SERVICES)
        expect((await fetch(`${bench.platform.base}/ops/health/${service}`, { headers: { cookie } })).status).toBe(403);
    });

    test('needs little before it shows something, nothing that the policy forbids, and no other server', async () => {
      const context = await bench.fresh();
      await bench.signIn(context, ['operator']);
      await weigh(bench, context, '/portal/operator');
      await context.close();
      expect(bench.faults.filter((text) => !AWAY.test(text))).toEqual([]);
    });
  });
});
