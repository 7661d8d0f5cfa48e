import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AWAY, CHROMIUM, Clicks, faultsOf, LOOKS, picture, PortalBench, refusedInBrowser, weigh } from './bench.ts';
import { administrator, type Clinic, clinicOf, enterOptOut } from './sandbox.ts';

const MOST_CLICKS = 12;
const OTHERS = ['reviewer', 'auditor', 'operator', 'engineer', 'call-centre', 'dead-letter-reader'];
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`a compliance officer${missing}`, () => {
  const bench = new PortalBench();
  let clinic: Clinic;
  beforeAll(async () => {
    await bench.share();
    clinic = await clinicOf(bench, 3);
    for (const member of clinic.members) expect(await clinic.read(member)).toBe(200);
  });
  afterAll(() => bench.stop());

  async function opened(role = 'compliance', ...look: Parameters<PortalBench['fresh']>): Promise<Page> {
    const context = await bench.fresh(...look);
    await bench.signIn(context, [role]);
    return bench.open(context, '/portal/evidence');
  }
  const valueOf = (page: Page, figure: string): Promise<string> =>
    page.getByRole('region', { name: 'Figures' }).getByRole('row', { name: figure }).getByRole('cell').innerText();
  const signatures = (hash: string): Promise<number> =>
    fetch(`${bench.platform.base}/ops/evidence/signatures/${hash}`, {
      headers: { authorization: `Bearer ${bench.platform.administratorToken}` },
    }).then(({ status }) => status);

  test('reads the month, counts what happened since, and keeps it as a file that the audit has signed', async () => {
    const page = await opened();
    await page.getByText('This month has not ended.').waitFor();
    // By the standard: 26 rules, each with what proves it.
    const rules = page.getByRole('region', { name: 'Rules' });
    expect(await rules.locator('tbody tr').count()).toBe(26);
    expect(await rules.getByRole('row', { name: /^R15 / }).innerText()).toContain('.spec.ts');
    const before = Number(await valueOf(page, 'Opt-outs received'));
    await enterOptOut(bench, clinic.members[0]!);
    await expect.poll(() => clinic.read(clinic.members[0]!)).toBe(404);
    await expect
      .poll(async () => {
        await page.reload();
        await page.getByText('This month has not ended.').waitFor();
        return Number(await valueOf(page, 'Opt-outs received'));
      })
      .toBe(before + 1);

    const clicks = new Clicks(page);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      clicks.on(page.getByRole('button', { name: 'Download as CSV' })),
    ]);
    expect(clicks.take('keep the month')).toBeLessThanOrEqual(MOST_CLICKS);
    expect(download.suggestedFilename()).toMatch(/^evidence-\d{4}-\d{2}\.csv$/);
    const file = join(tmpdir(), `evidence-of-a-test-${process.pid}.csv`);
    await download.saveAs(file);
    const [, text = '', hash = ''] = /^([\s\S]*\r\n)signature,sha256,(\w{64})\r\n$/.exec(readFileSync(file, 'utf8'))!;
    expect(hash).toBe(sha256(text));
    expect(text).toMatch(new RegExp(`^figure,[^\\n]*\\b${before + 1}\\b`, 'm'));
    // The audit knows what was signed, and nothing that somebody makes up.
    expect([await signatures(hash), await signatures(sha256('another'))]).toEqual([200, 404]);
    expect(await signatures(await page.locator('.signature').innerText())).toBe(200);
    await page.context().close();
  });

  test('chooses another month, and is told what nobody knows of it', async () => {
    const page = await opened();
    await page.getByLabel('Month').selectOption({ index: 3 });
    await page.getByText(/time zone/).waitFor();
    await page.getByText('unknown', { exact: true }).first().waitFor();
    expect(await page.getByText('This month has not ended.').count()).toBe(0);
    await page.context().close();
  });

  test('prints the month without what is only for the screen', async () => {
    const page = await opened();
    await page.getByRole('button', { name: 'Print' }).waitFor();
    await page.emulateMedia({ media: 'print' });
    expect(await page.getByRole('button', { name: 'Print' }).isVisible()).toBe(false);
    expect(await page.getByRole('heading', { name: 'Figures' }).isVisible()).toBe(true);
    await page.context().close();
  });

  test('names no member', async () => {
    const page = await opened();
    await page.getByRole('button', { name: 'Print' }).waitFor();
    const text = await page.locator('body').innerText();
    for (const member of clinic.members) expect(text).not.toContain(member);
    await page.context().close();
  });

  test('whose role was taken away under the open page learns nothing more', async () => {
    const page = await opened();
    await page.getByRole('button', { name: 'Print' }).waitFor();
    await bench.signIn(page.context(), ['reviewer']);
    await page.getByLabel('Month').selectOption({ index: 1 });
    await page.getByRole('alert').getByText('None of your roles permits this.').waitFor();
    expect(await page.locator('table').count()).toBe(0);
    await page.context().close();
  });

  test.each(LOOKS)('has no fault of accessibility in %s at %i pixels in %s', async (theme, width, language) => {
    const page = await opened('compliance', theme, width, language);
    await page.locator('table').first().waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page.locator('section').first(), `evidence-${theme}-${width}`);
    await page.context().close();
  });

  test.each(OTHERS)('%s is refused on its route', async (role) => {
    const { cookie } = await bench.session([role]);
    expect((await fetch(`${bench.platform.base}/ops/evidence`, { headers: { cookie } })).status).toBe(403);
  });

  test.each(refusedInBrowser(OTHERS, 0))('%s is refused on the page', async (role) => {
    const page = await opened(role);
    await page.getByRole('heading', { name: 'This page is not for your roles' }).waitFor();
    await page.context().close();
  });

  test('needs little before it shows something', async () => {
    const context = await bench.fresh();
    await bench.signIn(context, ['compliance']);
    await weigh(bench, context, '/portal/evidence');
    await context.close();
  });

  test('goes on where it was when the server was away', async () => {
    const page = await opened();
    await page.getByRole('button', { name: 'Print' }).waitFor();
    await bench.whileAway(page, async () => {
      await page.getByLabel('Month').selectOption({ index: 1 });
      await page.getByRole('alert').getByText('The server does not answer.').waitFor();
    });
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('heading', { name: 'Figures' }).waitFor();
    const { sha256: hash } = (await administrator<{ signature: { sha256: string } }>(bench, '/ops/evidence')).signature;
    expect(hash).toMatch(/^\w{64}$/);
    await page.context().close();
  });

  test('needs nothing that the policy forbids, and no other server', () => {
    expect(bench.faults.filter((text) => !AWAY.test(text))).toEqual([]);
  });
});
