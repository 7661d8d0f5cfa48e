import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { eventually } from '@provider-access/testing';
import type { Download, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CHROMIUM, Clicks, faultsOf, LOOKS, picture, PortalBench, refusedInBrowser, weigh } from './bench.ts';
import { clinicOf, enterOptOut, fileOf, type Key, SANDBOX, signed } from './sandbox.ts';

const MOST_CLICKS = 12;
const SCRIPT = '<img src=x onerror=alert(1)>';
const ROLES = ['reviewer', 'auditor', 'operator', 'engineer', 'call-centre', 'compliance', 'dead-letter-reader'];
const run = promisify(execFile);

interface AppFile {
  readonly client_id: string;
  readonly registration_access_token: string;
}

const missing = existsSync(CHROMIUM) ? '' : ` (${CHROMIUM} is missing)`;
describe.skipIf(missing !== '')(`a developer${missing}`, () => {
  const bench = new PortalBench();
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-developer-'));
  /** A provider of the synthetic payer. */
  let npi: string;
  /** What each request of a page carried to the server. */
  const sent: string[] = [];

  beforeAll(async () => {
    await bench.start({ ...SANDBOX, AUTH_REGISTRATIONS_PER_MINUTE: '1000' });
    await clinicOf(bench, 1);
    const { clients } = fileOf(bench, 'sandbox/sandbox.json') as { clients: { npi: string }[] };
    npi = clients[0]!.npi;
  });
  afterAll(async () => {
    await bench.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function opened(...look: Parameters<PortalBench['fresh']>): Promise<Page> {
    const context = await bench.fresh(...look);
    const page = await bench.open(context, '/portal/developer');
    page.on('request', (request) => {
      sent.push(`${request.url()} ${request.postData() ?? ''} ${JSON.stringify(request.headers())}`);
    });
    return page;
  }
  /** What a click gives the person as a file. */
  async function saved(page: Page, click: () => Promise<void>): Promise<{ name: string; path: string }> {
    const [download] = (await Promise.all([page.waitForEvent('download'), click()])) as [Download, void];
    const name = download.suggestedFilename();
    const path = join(folder, name);
    await download.saveAs(path);
    return { name, path };
  }
  const button = (page: Page, name: string): Locator => page.getByRole('button', { name, exact: true });
  const section = (page: Page, name: string): Locator => page.getByRole('link', { name, exact: true });
  const json = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T;

  /** Opens an app of the sandbox by its two files. */
  async function withApp(name: string, ...look: Parameters<PortalBench['fresh']>): Promise<Page> {
    const page = await opened(...look);
    const files = ['app', 'key'].map((kind) => join(bench.platform.dataDir, `sandbox/${name}.${kind}.json`));
    await page.locator('input[type=file]').setInputFiles(files);
    await page.locator('.notice.good').waitFor();
    await page.locator('form button[type=submit]').click();
    await page.locator('h1').waitFor();
    return page;
  }

  test('registers, is approved, exports, and gets the files that the platform has, with few clicks', async () => {
    const page = await opened();
    const clicks = new Clicks(page);
    await clicks.on(button(page, 'Register an app'));
    await page.getByLabel('Name of the app').fill('Clinic of a developer');
    await page.getByLabel('NPIs').fill(npi);
    await page.getByLabel('E-mail address').fill('developer@clinic.example');
    await clicks.on(button(page, 'Next'));
    const key = await saved(page, () => clicks.on(button(page, 'Make a key and save its file')));
    await clicks.on(page.getByText('I have the key file, and nobody else has it.'));
    await clicks.on(button(page, 'Next'));
    await clicks.on(button(page, 'Register'));
    const app = await saved(page, () => clicks.on(button(page, 'Save the app file')));
    expect([key.name, app.name]).toEqual(['clinic-of-a-developer.key.json', 'clinic-of-a-developer.app.json']);
    await clicks.on(button(page, 'Go to the app'));
    // The reviewer of the sandbox approves it within a second.
    await eventually(async () => {
      await page.getByRole('button', { name: 'Look again' }).click();
      expect(await page.locator('.tag').innerText()).toBe('Approved');
    });
    await page.getByText('Nothing is missing.').waitFor();
    await clicks.on(section(page, 'Groups'));
    await clicks.on(page.getByRole('button', { name: 'Export all data' }).first());
    await page.getByText('Complete').waitFor({ timeout: 120_000 });
    expect(clicks.take('register and export')).toBeLessThanOrEqual(MOST_CLICKS);

    await clicks.on(button(page, 'Files'));
    const row = page.getByRole('row', { name: /^Patient / });
    const count = Number(await row.getByRole('cell').nth(1).innerText());
    expect(count).toBeGreaterThan(0);
    const file = await saved(page, () => clicks.on(row.getByRole('button')));
    const bytes = readFileSync(file.path);
    const text = (bytes[0] === 0x1f ? gunzipSync(bytes) : bytes).toString('utf8');
    const lines = text.trim().split('\n');
    expect(lines).toHaveLength(count);
    for (const line of lines) expect(line).toContain('"resourceType":"Patient"');
    expect(clicks.take('save a file')).toBe(2);

    // The private key did not leave the page, and the files are those that `pa` reads.
    const { d } = json<{ d: string }>(key.path);
    expect(d.length).toBeGreaterThan(60);
    expect(sent.length).toBeGreaterThan(5);
    expect(sent.filter((one) => one.includes(d))).toEqual([]);
    const { stdout } = await run(
      process.execPath,
      [
        join(import.meta.dirname, '../../../tools/cli/bin/pa.mjs'),
        ...['--server', bench.platform.base, '--json', 'groups', '--app', app.name],
      ],
      { cwd: folder },
    );
    expect(stdout).toContain(npi);
    expect(await page.evaluate('localStorage.length + sessionStorage.length + document.cookie')).toBe('0');

    await clicks.on(button(page, 'Delete the files'));
    await page.getByText('There is no export and no match.').waitFor();
    await page.context().close();
  });

  test('changes the key with few clicks, and the former one ends at once if it must', async () => {
    const page = await withApp('clinic-b');
    const clicks = new Clicks(page);
    await clicks.on(section(page, 'Keys'));
    const key = await saved(page, () => clicks.on(button(page, 'Make a key and save its file')));
    await clicks.on(page.getByText('I have the key file, and nobody else has it.'));
    await clicks.on(page.getByText('The former key ends at once.'));
    await clicks.on(button(page, 'Use this key from now on'));
    await page.getByText('The platform has the new key.').waitFor();
    expect(clicks.take('change the key')).toBe(5);
    const { client_id: client } = fileOf(bench, 'sandbox/clinic-b.app.json') as AppFile;
    const token = async (by: Key): Promise<number> => {
      const now = Math.floor(Date.now() / 1000);
      const assertion = signed(by, {
        iss: client,
        sub: client,
        aud: `${bench.platform.base}/auth/token`,
        exp: now + 200,
        jti: crypto.randomUUID(),
      });
      const answer = await fetch(`${bench.platform.base}/auth/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          scope: 'system/*.rs',
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
          client_assertion: assertion,
        }),
      });
      return answer.status;
    };
    await expect.poll(() => token(json<Key>(key.path))).toBe(200);
    expect(await token(fileOf(bench, 'sandbox/clinic-b.key.json') as Key)).toBe(401);
    await page.context().close();
  });

  test('sees why an assertion is refused, claim by claim', async () => {
    const page = await withApp('clinic-a');
    await section(page, 'Check an assertion').click();
    await button(page, 'Sign one here').click();
    await expect.poll(() => page.getByLabel('Client assertion').inputValue()).toMatch(/^ey/);
    await button(page, 'Check it').click();
    await page.getByText('The platform would give a token for it.').waitFor();
    const { client_id: client } = fileOf(bench, 'sandbox/clinic-a.app.json') as AppFile;
    const wrong = signed(fileOf(bench, 'sandbox/clinic-a.key.json') as Key, {
      iss: client,
      sub: client,
      aud: 'https://another.example/token',
      exp: Math.floor(Date.now() / 1000) + 200,
      jti: crypto.randomUUID(),
    });
    await page.getByLabel('Client assertion').fill(wrong);
    await button(page, 'Check it').click();
    await page.getByText('The platform would refuse it.').waitFor();
    expect(await page.getByRole('row', { name: /^aud / }).innerText()).toContain('wrong');
    await page.context().close();
  });

  test('runs the programs that the page shows, and they get what the page got', async () => {
    const page = await withApp('clinic-a');
    await section(page, 'Call it now').click();
    await page.getByLabel('Path below /fhir').fill('Group?_summary=count');
    await button(page, 'Send it').click();
    await page.getByRole('heading', { name: 'The answer: 200' }).waitFor();
    const shown = JSON.parse(await page.getByRole('region', { name: 'The answer: 200' }).last().innerText()) as {
      total: number;
    };
    expect(shown.total).toBeGreaterThan(0);
    await picture(page, 'developer-call-light-1280');
    const header = sent.findLast((one) => one.includes('Group?_summary=count'))!;
    const TOKEN = /bearer ([\w.-]+)/i.exec(header)![1]!;
    const env = { PATH: process.env['PATH'], HOME: folder, TOKEN };
    const programs: Readonly<Record<string, (file: string) => [string, string[], string]>> = {
      curl: (file) => ['sh', [file], 'sh'],
      Node: (file) => [process.execPath, [file], 'mjs'],
      Python: (file) => ['python3', [file], 'py'],
      Java: (file) => ['java', [file], 'java'],
    };
    for (const [name, how] of Object.entries(programs)) {
      await button(page, name).click();
      const [, , ending] = how('');
      const file = join(folder, `Call.${ending}`);
      writeFileSync(file, await page.getByRole('region', { name: 'The program' }).innerText());
      const [command, args] = how(file);
      const installed = await run('sh', ['-c', `command -v ${command}`]).then(
        () => true,
        () => false,
      );
      if (!installed) continue;
      const { stdout } = await run(command, args, { env });
      expect([name, JSON.parse(stdout)]).toEqual([name, expect.objectContaining({ total: shown.total })]);
    }
    await page.context().close();
  });

  test('no text of a path ends the quotes of a program', async () => {
    const page = await withApp('clinic-a');
    await section(page, 'Call it now').click();
    await page.getByLabel('Path below /fhir').fill(`Patient?name='; touch ${join(folder, 'ran')}; '"$(id)\`%27`);
    for (const name of ['curl', 'Node', 'Python', 'Java']) {
      await button(page, name).click();
      const text = await page.getByRole('region', { name: 'The program' }).innerText();
      expect(text).not.toContain('%2527');
      expect(text.split('\n').find((line) => line.includes('/fhir/'))).toMatch(/['"]http[\w:/.?=%;~$()-]+['"]/);
    }
    await page.context().close();
  });

  test('names what is wrong with a registration, and shows a name of a stranger as text', async () => {
    const page = await opened();
    await button(page, 'Register an app').click();
    await page.getByLabel('Name of the app').fill(SCRIPT);
    await page.getByLabel('E-mail address').fill('developer@clinic.example');
    await button(page, 'Next').click();
    await page.getByText('Give an NPI or a TIN.').waitFor();
    await page.getByLabel('NPIs').fill('1234567890');
    await button(page, 'Next').click();
    await saved(page, () => button(page, 'Make a key and save its file').click());
    await page.getByText('I have the key file, and nobody else has it.').click();
    await button(page, 'Next').click();
    await button(page, 'Register').click();
    expect(await page.getByRole('alert').innerText()).toMatch(/npi/i);
    await button(page, 'Back').click();
    await button(page, 'Back').click();
    await page.getByLabel('NPIs').fill('1234567893');
    await button(page, 'Next').click();
    await saved(page, () => button(page, 'Make a key and save its file').click());
    await page.getByText('I have the key file, and nobody else has it.').click();
    await button(page, 'Next').click();
    await button(page, 'Register').click();
    await button(page, 'Go to the app').click();
    await page.getByText(SCRIPT).waitFor();
    // The sandbox knows no such provider, and says why.
    await eventually(async () => {
      await button(page, 'Look again').click();
      expect(await page.locator('.tag').innerText()).toBe('Rejected');
    });
    await page.getByText('It knows no provider with the NPI 1234567893').waitFor();
    await page.context().close();
  });

  test('sees the own refusals with the cure of each, and a denied member looks like an unknown one', async () => {
    const clinic = await clinicOf(bench, 2);
    const [member] = clinic.members;
    await enterOptOut(bench, member!);
    // N11: one row, whether the member is unknown or opted out. Each request counts once.
    let asked = 0;
    const deny = async (id: string): Promise<void> => {
      expect(await clinic.read(id)).toBe(404);
      asked += 1;
    };
    await expect
      .poll(() => clinic.read(member!).then((status) => ((asked += status === 404 ? 1 : 0), status)))
      .toBe(404);
    for (const id of [member!, 'm-nobody', 'x-1']) await deny(id);
    const page = await withApp('clinic-a');
    const clicks = new Clicks(page);
    await clicks.on(section(page, 'Call it now'));
    await page.getByLabel('Path below /fhir').fill('Patient?bogus=1');
    await clicks.on(button(page, 'Send it'));
    await page.getByRole('heading', { name: 'The answer: 400' }).waitFor();
    const row = (name: RegExp): Locator => page.getByRole('region', { name: 'Refusals' }).getByRole('row', { name });
    await expect
      .poll(async () => {
        await section(page, 'State').click();
        await section(page, 'Refusals').click();
        await page.locator('main p.soft').waitFor();
        const cells = await row(/ Read\s+404 not-found/)
          .locator('td')
          .allInnerTexts();
        return cells[3];
      })
      .toBe(String(asked));
    expect(await row(/404 not-found/).innerText()).toContain('Check the id, then ask the payer.');
    await expect
      .poll(async () => {
        await section(page, 'State').click();
        await section(page, 'Refusals').click();
        await page.locator('main p.soft').waitFor();
        return row(/400 /).count();
      })
      .toBe(1);
    expect(await row(/400 /).innerText()).toMatch(/Search Patient/);
    expect(await page.locator('main').innerText()).not.toContain(member);
    await picture(page.locator('main'), 'developer-refusals-light-1280');
    await page.context().close();
  });

  test('has nothing for a person of the payer, and nothing of another app', async () => {
    const { base } = bench.platform;
    const own = fileOf(bench, 'sandbox/clinic-a.app.json') as AppFile;
    const routes = ['/fhir/Group', '/fhir/bulk', '/fhir/Patient', '/refusals', `/auth/register/${own.client_id}`];
    for (const role of ROLES) {
      const { cookie } = await bench.session([role]);
      for (const path of routes)
        expect([role, path, (await fetch(base + path, { headers: { cookie } })).status]).toEqual([role, path, 401]);
    }
    for (const role of refusedInBrowser(ROLES, 0)) {
      const context = await bench.fresh();
      await bench.signIn(context, [role]);
      const page = await bench.open(context, '/portal/developer');
      await page.getByRole('heading', { name: 'Your app', exact: true }).waitFor();
      for (const path of routes) {
        const status = await page.evaluate(`fetch(${JSON.stringify(base + path)}).then((answer) => answer.status)`);
        expect([role, path, status]).toEqual([role, path, 401]);
      }
      await context.close();
    }
    const page = await opened();
    // The registration token of one app with the id of another one.
    const other = fileOf(bench, 'sandbox/clinic-b.app.json') as AppFile;
    const mixed = join(folder, 'mixed.app.json');
    writeFileSync(mixed, JSON.stringify({ ...own, client_id: other.client_id }));
    await page.locator('input[type=file]').setInputFiles([mixed]);
    await button(page, 'Open the app').click();
    await page.getByRole('alert').waitFor();
    expect(await page.locator('main').innerText()).not.toContain('EHR');
    await page.context().close();
  });

  test('goes on after the server was away, and leaves nothing when the app is left', async () => {
    const page = await withApp('clinic-a');
    await page.context().setOffline(true);
    await section(page, 'Groups').click();
    await page.getByText('The server does not answer.').waitFor();
    await page.context().setOffline(false);
    await button(page, 'Try again').click();
    await page.getByRole('button', { name: 'Export all data' }).first().waitFor();
    await button(page, 'Leave this app').click();
    await page.getByRole('heading', { name: 'Your app', exact: true }).waitFor();
    expect(await page.getByLabel('Client id').inputValue()).toBe('');
    await page.context().close();
  });

  test.each(LOOKS)('has no fault of accessibility in %s at %i pixels in %s', async (theme, width, language) => {
    const door = await opened(theme, width, language);
    await door.locator('h1').waitFor();
    expect(await faultsOf(door)).toEqual([]);
    await door.locator('.sheet button').first().click();
    await door.locator('.steps').waitFor();
    expect(await faultsOf(door)).toEqual([]);
    await door.context().close();
    const page = await withApp('clinic-a', theme, width, language);
    const sections = page.locator('nav a');
    // An export, so that its section has something to show.
    await sections.nth(1).click();
    await page.locator('main td button').first().click();
    await page.locator('main dl .tag').first().waitFor();
    for (let n = 0; n < (await sections.count()); n++) {
      await sections.nth(n).click();
      await page.locator('main .loading').waitFor({ state: 'detached' });
      expect(await faultsOf(page)).toEqual([]);
      if (n === 0) await picture(page, `developer-state-${theme}-${width}`);
    }
    await page.context().close();
  });

  test('needs little before it shows something', async () => {
    const context = await bench.fresh();
    await weigh(bench, context, '/portal/developer');
    await context.close();
  });

  test('needs nothing that the policy forbids, and no other server', () => {
    // A test took the network away.
    expect(bench.faults.filter((fault) => !fault.includes('ERR_INTERNET_DISCONNECTED'))).toEqual([]);
  });
});
