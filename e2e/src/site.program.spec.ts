import { execFile } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AxeResults } from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';
import { startPlatform, type PlatformProcess } from '@provider-access/cli';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '@provider-access/testing';
import { variant } from '@provider-access/testing/variant';
import { COMPILED } from './compiled.ts';
import { describeUnless } from './describe-unless.ts';
import { http, json } from './road.ts';

const ROOT = join(import.meta.dirname, '../..');
/** The same engine without the windows of the desktop is half as dear (services/portal/e2e/bench.ts). */
const PROGRAMS = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'] as const;
const CHROMIUM = PROGRAMS.find((file) => existsSync(file)) ?? PROGRAMS[1];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Pages of each kind. */
const PAGES = [
  '',
  'all.html',
  'tutorials/provider.html',
  'architecture.html',
  'refusals.html',
  'configuration.html',
  'api/',
  'api/apps-and-tokens.html',
  'events/payer.html',
  'adr/0040-documentation-site.html',
];
type Look = readonly ['light' | 'dark', 1280 | 390];
const LOOKS: readonly Look[] = [
  ['dark', 1280],
  ['light', 390],
  ['light', 1280],
  ['dark', 390],
];
/**
 * The pages of each look. Each page has one, in turn, and a page of `inBoth` has each mode and each width. In the suite
 * `long`, each page has all looks.
 */
const spread = (paths: readonly string[], inBoth: readonly string[] = []): [...Look, readonly string[]][] =>
  LOOKS.map(([mode, width], look) => [
    mode,
    width,
    paths.filter((path, i) => {
      const own = i % LOOKS.length;
      // The neighbour in `LOOKS` differs in mode and width.
      return variant.long || look === own || (look === (own ^ 1) && inBoth.includes(path));
    }),
  ]);
/** Of each template one: the first page, text with diagrams and code, and requests with their consoles. */
const TEMPLATES = ['', 'architecture.html', 'api/apps-and-tokens.html'];

/** Faults of accessibility of what the page shows now, and what is wider than a telephone. */
async function faultsOf(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  // Without this option, axe also describes each element that has no fault.
  const { violations } = (await page.evaluate("axe.run({ resultTypes: ['violations'] })")) as AxeResults;
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0]!.html.slice(0, 200)}`);
  const { width, height } = page.viewportSize()!;
  for (const across of new Set([width, 390])) {
    await page.setViewportSize({ width: across, height });
    const wide = (await page.evaluate('document.documentElement.scrollWidth - innerWidth')) as number;
    if (wide > 0) found.push(`${wide} pixels wider than the screen of ${across}`);
  }
  return found;
}

/** The site as a reader sees it: built, served by the platform with its policy, in a browser. */
describeUnless(existsSync(CHROMIUM) ? undefined : `${CHROMIUM} is missing`, 'the documentation site', () => {
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-site-'));
  let platform: PlatformProcess;
  let browser: Browser;
  /** What the browser reports, for example what the policy blocks. */
  const faults: string[] = [];

  beforeAll(async () => {
    const build = join(ROOT, 'tools/site/src/build.ts');
    await promisify(execFile)(process.execPath, ['--conditions=@provider-access/source', build], { cwd: ROOT });
    const env = { ...COMPILED, SANDBOX: 'true', SANDBOX_MEMBERS: '20', SANDBOX_EVENTS_PER_MINUTE: '0' };
    platform = await startPlatform({ dataDir: join(folder, 'data'), env });
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  }, 600_000);
  afterAll(async () => {
    await browser?.close();
    await platform?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(path: string, mode: 'light' | 'dark' = 'light', width = 1280): Promise<Page> {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme: mode });
    page.on('console', (message) => {
      if (message.type() === 'error') faults.push(`${path}: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`${path}: ${error.message}`));
    await page.goto(`${platform.base}/docs/${path}`, { waitUntil: 'networkidle' });
    return page;
  }

  test.each(spread(PAGES, TEMPLATES))(
    'has no fault of accessibility, in %s at %i pixels',
    async (mode, width, paths) => {
      const found: string[] = [];
      for (const path of paths) {
        const page = await open(path, mode, width);
        // Vue names the switch when it has taken over the page.
        await expect.poll(() => page.locator('.VPSwitchAppearance[title=""]').count()).toBe(0);
        for (const summary of await page.locator('details.try-it > summary').all()) await summary.click();
        found.push(...(await faultsOf(page)).map((fault) => `${path}: ${fault}`));
        await page.close();
      }
      expect(found).toEqual([]);
    },
  );

  test('draws every diagram, and follows the switch to dark', async () => {
    const page = await open('architecture.html');
    const widths = await page.locator('.diagram img').evaluateAll((images) =>
      Promise.all(
        images.map(async (image) => {
          const picture = image as unknown as { loading: string; decode(): Promise<void>; naturalWidth: number };
          picture.loading = 'eager';
          await picture.decode();
          return picture.naturalWidth;
        }),
      ),
    );
    expect(widths.length).toBeGreaterThan(4);
    expect(widths.filter((width) => width < 300)).toEqual([]);
    await page.getByRole('switch').first().click();
    expect(await page.evaluate('document.documentElement.classList.contains("dark")')).toBe(true);
    await page.close();
  });

  test('finds a page by its words, and opens it', async () => {
    const page = await open('');
    await page.keyboard.press('Control+k');
    await page.locator('.VPLocalSearchBox input').fill('opted out before');
    await page.locator('.VPLocalSearchBox .result').first().click();
    await page.waitForURL(/\/docs\/.+/);
    await page.locator('main h1').waitFor();
    await page.close();
  });

  test('sends a request of a page to the platform that serves it', async () => {
    const page = await open('api/apps-and-tokens.html');
    const console = page.locator('details.try-it', { hasText: 'GET /auth/jwks' }).first();
    await console.locator('summary').first().click();
    await console.locator('button[type=submit]').click();
    await console.getByText('200 OK').waitFor();
    expect(await console.locator('pre').last().innerText()).toContain('"keys"');
    await page.close();
  });

  test('gets a token of the sandbox with a client id and its key, and reads a Group', async () => {
    interface Shown {
      readonly status: string;
      readonly clients: readonly { readonly client_id: string }[];
    }
    const shown = (): Promise<Shown> =>
      http(`${platform.base}/ops/sandbox`, { token: platform.administratorToken }).then((answer) => json(answer));
    await eventually(async () => expect((await shown()).status).toBe('ready'));
    const page = await open('api/groups-and-exports.html');
    const summary = page.getByText('Try it: GET /fhir/Group', { exact: true });
    const console = page.locator('details.try-it', { has: summary });
    await summary.click();
    await console.getByText('Get one with a client id and a private key').click();
    await console.getByLabel('Client id').fill((await shown()).clients[0]!.client_id);
    await console
      .getByLabel('Private key as a JWK')
      .fill(readFileSync(join(platform.dataDir, 'sandbox/clinic-a.key.json'), 'utf8'));
    await console.getByRole('button', { name: 'Get an access token' }).click();
    await expect.poll(() => console.getByLabel('Token of the app').inputValue()).not.toBe('');
    await console.getByRole('button', { name: 'Send' }).click();
    await console.getByText('200 OK').waitFor();
    expect(await console.locator('pre').last().innerText()).toContain('"resourceType": "Group"');
    await page.close();
  });

  /** U5: a URL without `.html` was an empty page. */
  test('answers every page under its URL with and without .html', async () => {
    const site = join(ROOT, 'docs/dist');
    const pages = globSync('**/*.html', { cwd: site }).filter((name) => name !== '404.html');
    expect(pages.length).toBeGreaterThan(100);
    const wrong: string[] = [];
    for (const [i, name] of pages.entries()) {
      const text = readFileSync(join(site, name), 'utf8');
      const title = /<title>(.*?)<\/title>/.exec(text)![1]!;
      const others = [name.replace(/\.html$/, ''), name.replace(/\.html$/, '/'), name.replace(/html$/, 'md')];
      // One of the others in turn is enough to find a form that is not answered.
      for (const path of [name, ...(variant.long ? others : [others[i % others.length]!])]) {
        const answer = await fetch(`${platform.base}/docs/${path}`);
        const html = await answer.text();
        if (answer.status !== 200 || !html.includes(`<title>${title}</title>`)) wrong.push(`${path}: ${answer.status}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('says that an unknown page is unknown, and offers a search for its words', async () => {
    const page = await open('security_labels-of');
    await page.getByRole('heading', { name: 'There is no such page' }).waitFor();
    await page.getByRole('button', { name: 'Search for “security labels of”' }).click();
    await page.locator('.VPLocalSearchBox .result').first().waitFor();
    await page.close();
    // The browser tells of the status of the page, which is a 404 as it should be.
    expect(faults.splice(0).filter((fault) => !fault.includes('404 (Not Found)'))).toEqual([]);
  });

  /** U20: the first console's example has no keys that work. */
  test('registers an app with the example of the first console', async () => {
    const page = await open('api/apps-and-tokens.html');
    const console = page.locator('details.try-it').first();
    expect(await console.locator('summary').first().innerText()).toBe('Try it: POST /auth/register');
    await console.locator('summary').first().click();
    await expect.poll(() => console.getByLabel(/^The private key/).count()).toBe(1);
    await console.getByRole('button', { name: 'Send' }).click();
    await console.getByText('201 Created').waitFor();
    await page.close();
  });

  test('begins with a page of links at /', async () => {
    const page = await open('../');
    const links = await page
      .getByRole('link')
      .evaluateAll((all) => all.map((one) => (one as unknown as { readonly href: string }).href));
    expect(links.length).toBeGreaterThan(5);
    for (const link of links) expect((await fetch(link)).status, link).toBe(200);
    await page.close();
  });

  const PUBLIC = [
    '../',
    '../notice?lang=en',
    '../notice?lang=es',
    '../notice?lang=es&show=opt-out-form',
    '../providers',
    '../status?lang=en',
    '../status?lang=es',
  ];
  test.each(spread(PUBLIC, ['../']))(
    'has public pages for everybody, in %s at %i pixels',
    async (mode, width, paths) => {
      for (const path of paths) {
        const page = await open(path, mode, width);
        expect(await faultsOf(page), path).toEqual([]);
        expect(await page.context().cookies()).toEqual([]);
        await page.close();
      }
    },
  );

  test('needs nothing that its policy forbids', () => {
    expect(faults).toEqual([]);
  });
});
