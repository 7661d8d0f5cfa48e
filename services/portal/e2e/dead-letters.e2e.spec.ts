import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { eventually } from '@provider-access/testing';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, Clicks, faultsOf, LOOKS, picture, PortalBench, refusedInBrowser, weigh } from './bench.ts';

const PATH = '/portal/dead-letters';
/** What a stranger wrote into an event. */
const SCRIPT = '<img src=x onerror=alert(1)><script>alert(2)</script>';
/** A value of a member that nobody may see without the role for it. */
const SECRET = 'Rumpelstiltskin';
const MOST_CLICKS = 12;
const ENGINEER = ['engineer'];
const READER = ['engineer', 'dead-letter-reader'];
const OTHERS = ['reviewer', 'auditor', 'operator', 'call-centre', 'compliance', 'dead-letter-reader'];

const condition = (member: string, id: string, wrong: object): object => ({
  resourceType: 'Condition',
  id,
  subject: { reference: `Patient/${member}` },
  code: { text: SECRET },
  clinicalStatus: { coding: [{ code: 'active' }] },
  ...wrong,
});

const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`dead letters in the page of the engineer${missing}`, () => {
  const bench = new PortalBench();
  beforeAll(async () => {
    await bench.start();
    await published(Array.from({ length: 120 }, (_, i) => ['colour', `a${i}`]));
    await published([
      ['taste', 'b1'],
      ['taste', 'b2'],
    ]);
    await published([['size', 'c1']]);
    // The pictures of the documentation show this one.
    await published([['weight', 'd1']], 'urn:example:claims');
  });
  afterAll(() => bench.stop());

  /** Publishes events at fault, each with one element that R4 does not have, and waits until they are dead letters. */
  async function published(
    events: readonly (readonly [wrong: string, id: string])[],
    source = `urn:${SCRIPT}`,
  ): Promise<void> {
    const { base, payerToken } = bench.platform;
    const lines = events.map(([wrong, id]) =>
      JSON.stringify({
        specversion: '1.0',
        id: randomUUID(),
        source,
        type: 'payer.resource-recorded.v1',
        time: '2026-01-01T00:00:00Z',
        subject: 'm1',
        data: { resource: condition('m1', id, { [wrong]: SCRIPT }) },
      }),
    );
    const headers = { authorization: `Bearer ${payerToken}`, 'content-type': 'application/x-ndjson' };
    const answer = await fetch(`${base}/events`, { method: 'POST', headers, body: lines.join('\n') });
    expect(answer.status, await answer.clone().text()).toBe(200);
    const [wrong] = events[0]!;
    await eventually(async () => expect(await countOf(wrong)).toBe(Math.min(events.length, 1000)));
  }
  const ask = async <T>(path: string): Promise<T> => {
    const headers = { authorization: `Bearer ${bench.platform.administratorToken}` };
    return (await (await fetch(bench.platform.base + path, { headers })).json()) as T;
  };
  interface Cause {
    readonly cause: string;
    readonly detail: string;
    readonly count: number;
  }
  const detailOf = (wrong: string): string => `Condition: ${wrong} is not an element of Condition`;
  async function causeOf(wrong: string): Promise<Cause | undefined> {
    const { causes } = await ask<{ causes: readonly Cause[] }>('/events/dead-letters/causes');
    return causes.find(({ detail }) => detail === detailOf(wrong));
  }
  const countOf = async (wrong: string): Promise<number> => (await causeOf(wrong))?.count ?? 0;

  async function opened(roles: readonly string[], ...look: Parameters<PortalBench['fresh']>): Promise<Page> {
    const context = await bench.fresh(...look);
    await bench.signIn(context, roles);
    return bench.open(context, PATH);
  }
  const openCause = (page: Page, wrong: string) =>
    page
      .locator('tr')
      .filter({ hasText: detailOf(wrong) })
      .getByRole('button');
  const openLetter = (page: Page) => page.locator('tbody tr').getByRole('button').first();

  test('corrects one after a check, then all of the cause, with few clicks', async () => {
    const page = await opened(READER);
    const clicks = new Clicks(page);
    await clicks.on(openCause(page, 'colour'));
    await clicks.on(openLetter(page));
    const text = page.getByLabel('Correct the event here');
    await text.waitFor();
    const event = JSON.parse(await text.inputValue()) as { resource: Record<string, unknown> };
    expect(event.resource).toMatchObject({ colour: SCRIPT, code: { text: SECRET } });
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);

    await text.fill('{');
    await clicks.on(page.getByRole('button', { name: 'Check' }));
    await page.getByText('This is not JSON').waitFor();
    const { colour: _colour, ...resource } = event.resource;
    await text.fill(JSON.stringify({ resource: { ...resource, size: 1 } }));
    await clicks.on(page.getByRole('button', { name: 'Check' }));
    await page.getByText(`This is still wrong: ${detailOf('size')}`).waitFor();
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
    await clicks.on(text);
    await text.fill(JSON.stringify({ resource }));
    await clicks.on(page.getByRole('button', { name: 'Check' }));
    await page.getByText('Nothing is wrong any more.').waitFor();
    await clicks.on(page.getByRole('button', { name: 'Send the corrected event' }));
    await page.getByText('The platform has taken the event').waitFor();
    expect(await page.getByRole('region', { name: 'Correct all' }).innerText()).toContain('/resource/colour');
    await clicks.on(page.getByRole('button', { name: 'Correct 120' }));
    await page.getByText('finished').waitFor();
    expect(await page.getByRole('region', { name: 'Result' }).innerText()).toMatch(/taken\s+119/);
    await page.getByText('Every one is resolved.').waitFor();
    expect(clicks.take('correct one of a cause, with two wrong tries, and then all')).toBeLessThanOrEqual(MOST_CLICKS);
    expect(await countOf('colour')).toBe(0);
    await page.context().close();
  });

  test('who may not read events sees what is wrong, and no event', async () => {
    const asked: string[] = [];
    const page = await opened(ENGINEER);
    page.on('request', (request) => asked.push(`${request.method()} ${new URL(request.url()).pathname}`));
    await openCause(page, 'taste').click();
    await openLetter(page).click();
    await page.getByText('You do not have the role that shows events').waitFor();
    expect(await page.locator('textarea').count()).toBe(0);
    await page.getByText(detailOf('taste')).first().waitFor();
    expect(await page.locator('main').innerText()).not.toContain(SECRET);
    expect(asked.filter((one) => /^GET \/events\/dead-letters\/dl-/.test(one))).toEqual([]);
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText(`This is still wrong: ${detailOf('taste')}`).waitFor();
    // The route refuses what the page does not ask for.
    const { cause } = (await causeOf('taste'))!;
    const { deadLetters } = await ask<{ deadLetters: { id: string }[] }>(`/events/dead-letters?cause=${cause}`);
    const status = `fetch('/events/dead-letters/${deadLetters[0]!.id}').then((answer) => answer.status)`;
    expect(await page.evaluate(status)).toBe(403);
    await page.context().close();
  });

  test('gives all of a cause up with a reason, goes on without the page, and is seen by others', async () => {
    const page = await opened(ENGINEER);
    await openCause(page, 'taste').click();
    await page.getByRole('button', { name: 'Discard all' }).click();
    await page.getByText('2 dead letters are given up.').waitFor();
    expect(await page.getByRole('button', { name: 'Discard all' }).isDisabled()).toBe(true);
    await page.getByLabel('Why do you discard it?').fill(SCRIPT);
    await page.getByRole('button', { name: 'Discard all' }).click();
    await page.getByText('This work goes on when you close the page.').or(page.getByText('finished')).first().waitFor();
    await page.context().close();
    await eventually(async () => expect(await countOf('taste')).toBe(0));
    const other = await opened(ENGINEER);
    await other.getByRole('button', { name: `Open: ${detailOf('taste')}` }).click();
    await other.getByText('finished').waitFor();
    expect(await other.getByRole('region', { name: 'Result' }).innerText()).toMatch(/discarded\s+2/);
    await other.getByText(SCRIPT).waitFor();
    expect(await other.locator('main img, main script').count()).toBe(0);
    await other.context().close();
  });

  test('a server that restarts under the open page loses no work, and nothing that somebody typed', async () => {
    const page = await opened(READER);
    await openCause(page, 'size').click();
    await openLetter(page).click();
    const text = page.getByLabel('Correct the event here');
    const { resource } = JSON.parse(await text.inputValue()) as { resource: Record<string, unknown> };
    delete resource['size'];
    await text.fill(JSON.stringify({ resource }));
    const { base } = bench.platform;
    await bench.platform.stop();
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('The server does not answer.').waitFor();
    await bench.restart();
    expect(bench.platform.base).toBe(base);
    expect(await text.inputValue()).toBe(JSON.stringify({ resource }));
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('Nothing is wrong any more.').waitFor();
    await page.getByRole('button', { name: 'Correct 1' }).click();
    await page.getByText('finished').waitFor();
    await eventually(async () => expect(await countOf('size')).toBe(0));
    await page.context().close();
  });

  test('leaves nothing in the address or in the browser', async () => {
    const page = await opened(READER);
    await openCause(page, 'weight').click();
    await openLetter(page).click();
    await page.getByLabel('Correct the event here').waitFor();
    const script = 'JSON.stringify([location.href, document.title, history.state, localStorage, sessionStorage])';
    const kept = (await page.evaluate(script)) as string;
    for (const part of [SECRET, 'm1', 'dl-']) expect(kept).not.toContain(part);
    expect(await page.locator('main img, main script').count()).toBe(0);
    await page.context().close();
  });

  test('whose role was taken away under the open page learns nothing more', async () => {
    const page = await opened(READER);
    await openCause(page, 'weight').click();
    const list = page.getByRole('region', { name: 'Dead letters of this cause' });
    await list.waitFor();
    await page.context().clearCookies();
    await bench.signIn(page.context(), ['auditor']);
    await openLetter(page).click();
    await page.getByText('None of your roles permits this.').waitFor();
    expect(await page.locator('main').innerText()).not.toContain(SECRET);
    await page.context().close();
  });

  test.each(refusedInBrowser(OTHERS, 2))('a person with the role %s does not see the page', async (role) => {
    const page = await opened([role]);
    await page.getByText('This page is not for your roles').waitFor();
    await page.context().close();
  });

  test.each(OTHERS)('a person with the role %s is refused on its route', async (role) => {
    const { cookie } = await bench.session([role]);
    const answer = await fetch(`${bench.platform.base}/events/dead-letters/causes`, { headers: { cookie } });
    expect(answer.status).toBe(403);
  });

  test.each(LOOKS)('has no fault of accessibility in %s at %i pixels in %s', async (theme, width, language) => {
    const page = await opened(READER, theme, width, language);
    await openCause(page, 'weight').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `dead-letters-${theme}-${width}`);
    await openCause(page, 'weight').click();
    await openLetter(page).waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await openLetter(page).click();
    const text = page.locator('textarea');
    const { resource } = JSON.parse(await text.inputValue()) as { resource: Record<string, unknown> };
    await text.fill(JSON.stringify({ resource: { ...resource, weight: undefined, code: { text: 'x' } } }, null, 2));
    await page.locator('.button.main').first().click();
    await page.locator('.notice.good').waitFor();
    expect(await faultsOf(page)).toEqual([]);
    await picture(page, `dead-letter-${theme}-${width}`);
    const context: BrowserContext = page.context();
    const again = await bench.open(context, PATH);
    await again.locator('section').last().getByRole('button').first().click();
    await again.locator('progress').waitFor();
    expect(await faultsOf(again)).toEqual([]);
    await picture(again, `dead-letter-run-${theme}-${width}`);
    await context.close();
  });

  test('needs little before it shows something', async () => {
    const context = await bench.fresh();
    await bench.signIn(context, ENGINEER);
    await weigh(bench, context, PATH);
    await context.close();
  });

  test('the browser reported no fault', () => {
    expect(bench.faults.filter((fault) => !/ERR_CONNECTION_REFUSED/.test(fault))).toEqual([]);
  });
});
