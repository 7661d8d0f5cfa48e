import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type PlatformProcess, startPlatform } from '@provider-access/cli';
import { variant } from '@provider-access/testing/variant';
import type { AxeResults } from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Locator, type Page, type Request } from 'playwright-core';
import { expect, inject } from 'vitest';

export { CHROMIUM } from './chromium.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PICTURES = join(import.meta.dirname, '../../../docs/pictures');

export type Theme = 'light' | 'dark';
export type Language = 'en' | 'es';
const BOTH = [
  ['light', 1280, 'en'],
  ['dark', 390, 'es'],
] as const;
/**
 * Each theme, each width and each language: colours do not depend on the width, and the longer texts are the Spanish
 * ones. The suite `looks` also has the other two pairs.
 */
export const LOOKS = variant.long ? ([...BOTH, ['dark', 1280, 'es'], ['light', 390, 'en']] as const) : BOTH;

/**
 * The roles that see in the browser that a page is not for them. One is enough, because the server refuses each role on
 * each route, and the test of the sign-in looks at the pages of each role. The suite `looks` has all of them.
 * @param turn which one, so that different pages have different roles
 */
export const refusedInBrowser = (others: readonly string[], turn: number): readonly string[] =>
  variant.long ? others : [others[turn % others.length]!];

/** What a browser reports of a server that was away. */
export const AWAY = /ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED/;

/** Asks what the files of this run share (shared.ts). */
async function shared<T>(path: string): Promise<T> {
  const answer = await fetch(inject('shared') + path);
  const text = await answer.text();
  expect([answer.status, text]).toEqual([200, text]);
  return JSON.parse(text) as T;
}
type SharedPlatform = Pick<PlatformProcess, 'base' | 'dataDir' | 'payerToken' | 'administratorToken'>;

/** A platform, and the browser that all files share. */
export class PortalBench {
  readonly #folder = mkdtempSync(join(tmpdir(), 'provider-access-portal-'));
  platform!: SharedPlatform & Pick<PlatformProcess, 'stop'>;
  #own = true;
  browser!: Browser;
  /** What the browser reports, for example what the policy of the pages blocks, and requests to other servers. */
  readonly faults: string[] = [];

  /**
   * Starts a platform of its own, for a file that needs settings, or counts what others would change.
   * @param before fills the folder of the platform before it starts
   * @param port for settings that name the address of the platform
   */
  async start(
    env: Readonly<Record<string, string>> = {},
    before?: (dataDir: string) => Promise<void>,
    port?: number,
  ): Promise<void> {
    const dataDir = join(this.#folder, 'data');
    await before?.(dataDir);
    this.platform = await startPlatform({ dataDir, env, ...(port !== undefined && { port }) });
    await this.#connect();
  }
  /** Takes the platform with synthetic data that the files share. `clinicOf` gives each of them other members. */
  async share(): Promise<void> {
    this.#own = false;
    const stop = (): Promise<void> => shared('/platform/stop');
    this.platform = { ...(await shared<SharedPlatform>('/platform')), stop };
    await this.#connect();
  }
  async #connect(): Promise<void> {
    this.browser = await chromium.connect(await shared<string>('/browser'));
  }
  /** Ends the platform and starts it again at the same address, on the same data. */
  async restart(env: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.platform.stop();
    if (!this.#own) return void (await shared('/platform'));
    const port = Number(new URL(this.platform.base).port);
    this.platform = await startPlatform({ dataDir: this.platform.dataDir, port, env });
  }
  async stop(): Promise<void> {
    await this.browser?.close();
    if (this.#own) await this.platform?.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A browser of somebody who was never here. */
  async fresh(theme: Theme = 'light', width = 1280, language: Language = 'en'): Promise<BrowserContext> {
    return this.browser.newContext({
      viewport: { width, height: 900 },
      colorScheme: theme,
      locale: language === 'en' ? 'en-US' : 'es-US',
    });
  }
  /** Opens a page of ours, and writes down what the browser reports. A refusal of the API is no fault of the page. */
  async open(context: BrowserContext, path: string): Promise<Page> {
    const page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' && !/status of (?:4|5)\d\d/.test(message.text()))
        this.faults.push(`${path}: ${message.text()}`);
    });
    page.on('pageerror', (error) => this.faults.push(`${path}: ${error.message}`));
    page.on('request', (request) => {
      if (!request.url().startsWith(this.platform.base)) this.faults.push(`${path}: asks ${request.url()}`);
    });
    page.on('dialog', (dialog) => {
      this.faults.push(`${path}: a script ran: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(`${this.platform.base}${path}`);
    return page;
  }

  /** A session of a person with these roles, without a browser: the cookie, and the token of its page for changes. */
  async session(roles: readonly string[]): Promise<{ readonly cookie: string; readonly csrf: string }> {
    const answer = await fetch(`${this.platform.base}/auth/session`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.platform.administratorToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ roles }),
    });
    const { csrf } = (await answer.json()) as { readonly csrf: string };
    return { cookie: answer.headers.get('set-cookie')!.split(';')[0]!, csrf };
  }
  /** Gives the browser a session with these roles. */
  async signIn(context: BrowserContext, roles: readonly string[]): Promise<void> {
    const [name = '', value = ''] = (await this.session(roles)).cookie.split('=');
    await context.addCookies([{ name, value, url: this.platform.base, httpOnly: true, sameSite: 'Strict' }]);
  }
  /**
   * Takes the server away from a page, and gives it back: the network of the browser, and in the suite `looks` the
   * process. `imports` and `dead-letters` restart it in each run, with a session of a person under the open page.
   */
  async whileAway(page: Page, during: () => Promise<void>, env: Readonly<Record<string, string>> = {}): Promise<void> {
    if (!variant.long) {
      await page.context().setOffline(true);
      await during();
      await page.context().setOffline(false);
      return;
    }
    await this.platform.stop();
    await during();
    await this.restart(env);
  }
}

/** Faults of accessibility of what the page shows now, and what is wider than the screen. */
export async function faultsOf(page: Page): Promise<string[]> {
  if (await page.evaluate('globalThis.axe === undefined')) await page.evaluate(AXE);
  const { violations } = (await page.evaluate("axe.run({ resultTypes: ['violations'] })")) as AxeResults;
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 200)}`);
  const wide = (await page.evaluate('document.documentElement.scrollWidth - innerWidth')) as number;
  return wide > 0 ? [...found, `${wide} pixels wider than the screen`] : found;
}

/** A picture for the documentation, if the environment asks for it: `PICTURES=1`. Tests alone leave no changes. */
export async function picture(of: Page | Locator, name: string): Promise<void> {
  if (process.env['PICTURES'] === undefined) return;
  const path = join(PICTURES, `portal-${name}.png`);
  await ('goto' in of ? of.screenshot({ path, fullPage: true }) : of.screenshot({ path }));
}

/** A time as a field of the browser takes it, in the zone of this machine. */
export const local = (at: number): string =>
  new Date(at - new Date(at).getTimezoneOffset() * 60_000).toISOString().slice(0, 19);

/** Counts what a person does for a task: clicks, and one for each value that is chosen from a list. */
export class Clicks {
  readonly #page: Page;
  #count = 0;
  constructor(page: Page) {
    this.#page = page;
  }
  async on(target: Locator): Promise<void> {
    this.#count += 1;
    await target.click();
  }
  /** Clicks since the last task. */
  take(task: string): number {
    const count = this.#count;
    this.#count = 0;
    console.log(`${new URL(this.#page.url()).pathname}: ${task}: ${count} clicks`);
    return count;
  }
}

/** Bytes of script as they come over the line, and requests before the first useful picture (issue 34). */
const MOST_SCRIPT = 300_000;
const MOST_REQUESTS = 5;
/** Notes in the page when its heading appeared, in ms since the epoch. */
const NOTE_HEADING = `new MutationObserver(() => {
  if (window.headingAt === undefined && document.querySelector('h1') !== null)
    window.headingAt = performance.timeOrigin + performance.now();
}).observe(document, { childList: true, subtree: true })`;
/**
 * What a page asks for before it has a heading. What it asks for later may have come by then on a slow machine, so the
 * time of each request decides. The address may have a link, so it is not printed.
 */
export async function weigh({ platform }: PortalBench, context: BrowserContext, path: string): Promise<void> {
  const page = await context.newPage();
  await page.addInitScript(NOTE_HEADING);
  const asked: Request[] = [];
  page.on('requestfinished', (request) => asked.push(request));
  await page.goto(`${platform.base}${path}`);
  await page.locator('h1').waitFor();
  const headingAt = (await page.evaluate('window.headingAt')) as number;
  const before = asked.filter((one) => one.timing().startTime < headingAt && !one.url().endsWith('/sign-in'));
  const scripts = before.filter((one) => one.resourceType() === 'script').map((one) => one.sizes());
  const sum = (await Promise.all(scripts)).reduce((all, { responseBodySize }) => all + responseBodySize, 0);
  console.log(`${path.replace(/#.*/, '')}: ${sum} bytes of script, ${before.length} requests`);
  expect(sum).toBeGreaterThan(10_000);
  expect(sum).toBeLessThanOrEqual(MOST_SCRIPT);
  expect(before.length).toBeGreaterThan(2);
  expect(before.length).toBeLessThanOrEqual(MOST_REQUESTS);
}
