import { execFileSync, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { type Fresh, freshPlatform, IN_CLUSTER, registerApp, type TestApp } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { CLONED_PA, paOf } from './pa.ts';
import { consent, FHIR } from './portal.ts';
import { linkOf, MemberBrowser, portalKeys } from './member-link.ts';
import { http, json, payerEvent } from './road.ts';
import { LIMITS } from './world/context.ts';

/** A member opens a signed link of the payer's portal, sees who had access, and opts out (PEOPLE.md N51, N52). */
const NPI = npiOf(randomInt(1e8));
interface Session {
  readonly roles: readonly string[];
  readonly member: string;
  readonly language?: string;
}
interface Disclosures {
  readonly disclosures: readonly {
    readonly member: string;
    readonly outcome: string;
    readonly action: string;
    readonly agent?: { readonly name: string; readonly providers: readonly string[] };
  }[];
}

/** The code of docs/member-link.md, as a reader copies it. */
const PAGE = readFileSync(join(import.meta.dirname, '../../docs/member-link.md'), 'utf8');
const codeOf = (language: string): string => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(PAGE)![1]!;
const HAS_PYTHON = spawnSync('python3', ['-c', 'import cryptography']).status === 0;

describe.skipIf(IN_CLUSTER)("the member's page", () => {
  let fresh: Fresh;
  let app: TestApp;
  const [MEMBER, OTHER] = ['m-page-1', 'm-page-2'];
  const read = async (member: string): Promise<number> =>
    (await http(`${fresh.platform().base}/fhir/Patient/${member}`, { token: await app.tokens.get() })).status;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS });
    const { base } = fresh.platform();
    const { dataDir } = fresh.platform();
    expect(portalKeys(dataDir).length).toBeGreaterThan(0);
    expect(base).toMatch(/^http/);
    await publishTaken(
      fresh.platform(),
      payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
    );
    app = await registerApp(fresh.platform(), { name: 'Clinic of the page', npi: NPI });
    await publishTaken(fresh.platform(), ...[MEMBER, OTHER].flatMap((member) => memberOf(member, { npi: NPI })));
    for (const member of [MEMBER, OTHER]) await eventually(async () => expect(await read(member)).toBe(200));
  });
  afterAll(() => fresh?.dispose());

  test('a member opens the link, sees who had access, opts out, and quotes the number', async () => {
    const { base, dataDir } = fresh.platform();
    const link = linkOf({ base, dataDir, member: MEMBER, more: { language: 'es' } });
    expect(link).toContain(`${base}/portal/member#`);
    const browser = new MemberBrowser(base);
    const opened = await browser.open(link);
    expect(opened.status).toBe(201);
    expect(json<Session>(opened)).toMatchObject({ roles: ['member'], member: MEMBER, language: 'es' });
    expect(String(opened.headers['set-cookie'])).toMatch(/HttpOnly; SameSite=Strict/);
    expect(json<Session>(await browser.ask('GET', '/auth/session'))).toMatchObject({ roles: ['member'] });

    await eventually(async () => {
      const { disclosures } = json<Disclosures>(await browser.ask('GET', '/ops/disclosures'));
      expect(disclosures.map(({ agent }) => agent?.name)).toContain('Clinic of the page');
      expect(disclosures.every((one) => one.member === MEMBER && one.outcome === 'released')).toBe(true);
      // Neither the payer's own looks nor the names of its people.
      expect(disclosures.map(({ action }) => action)).not.toContain('explain');
    });
    const page = await browser.ask('GET', '/ops/disclosures/document');
    expect([page.status, page.body.toString('utf8').includes('Clinic of the page')]).toEqual([200, true]);
    expect(json<{ total: number }>(await browser.ask('GET', '/fhir/Consent')).total).toBe(0);

    const decided = await browser.ask('POST', '/fhir/Consent', consent(MEMBER, 'deny'), FHIR);
    expect(decided.status).toBe(201);
    const number = decided.headers['confirmation-number'];
    expect(number).toMatch(/^[A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4}$/);
    expect(await read(MEMBER)).toBe(404);
    expect(await read(OTHER)).toBe(200);

    const all = json<{ entry: { resource: { id: string; identifier: { value: string }[] } }[] }>(
      await browser.ask('GET', '/fhir/Consent'),
    );
    expect(all.entry.map(({ resource }) => resource.identifier[0]!.value)).toEqual([number]);
    const one = await browser.ask('GET', `/fhir/Consent/${all.entry[0]!.resource.id}`);
    expect(one.status).toBe(200);

    // One link is for one decision. A new one of the portal is for the next.
    const again = await browser.ask('POST', '/fhir/Consent', consent(MEMBER, 'permit'), FHIR);
    expect(again.status).toBe(409);
    expect(await read(MEMBER)).toBe(404);
    await browser.open(linkOf({ base, dataDir, member: MEMBER }));
    expect((await browser.ask('POST', '/fhir/Consent', consent(MEMBER, 'permit'), FHIR)).status).toBe(201);
    await eventually(async () => expect(await read(MEMBER)).toBe(200));
    expect((await browser.ask('DELETE', '/auth/session')).status).toBe(204);
    expect((await browser.ask('GET', '/fhir/Consent')).status).toBe(401);
  });

  test('a link is used once, and opens nothing about anybody else', async () => {
    const { base, dataDir } = fresh.platform();
    const link = linkOf({ base, dataDir, member: OTHER });
    const browser = new MemberBrowser(base);
    expect((await browser.open(link)).status).toBe(201);
    const again = await new MemberBrowser(base).open(link);
    const unknown = await new MemberBrowser(base).open(linkOf({ base, dataDir, member: 'm-nobody' }));
    expect([again.status, unknown.status]).toEqual([403, 403]);
    expect(again.body.toString('utf8')).toBe(unknown.body.toString('utf8'));
    for (const path of [
      `/fhir/Consent?patient=${MEMBER}`,
      `/ops/disclosures?member=${MEMBER}`,
      `/ops/disclosures/document?member=${MEMBER}`,
      `/ops/explain?client=${app.clientId}&member=${OTHER}`,
      '/auth/clients',
      '/events/dead-letters',
    ])
      expect((await browser.ask('GET', path)).status, path).toBe(403);
    expect((await browser.ask('GET', `/fhir/Patient/${OTHER}`)).status).toBe(401);
    const foreign = await browser.ask('POST', '/fhir/Consent', consent(MEMBER, 'deny'), FHIR);
    expect(foreign.status).toBe(403);
    expect(await read(MEMBER)).toBe(200);
  });

  test('a link of an id that a merge retired decides for the member that stays', async () => {
    const { base, dataDir } = fresh.platform();
    const [stays, retired] = ['m-page-stays', 'm-page-retired'];
    await publishTaken(fresh.platform(), ...[stays, retired].flatMap((member) => memberOf(member, { npi: NPI })));
    await eventually(async () => expect(await read(stays)).toBe(200));
    await publishTaken(fresh.platform(), payerEvent('payer.members-merged.v1', stays, { from: retired }));
    const browser = new MemberBrowser(base);
    expect((await browser.open(linkOf({ base, dataDir, member: retired }))).status).toBe(201);
    expect((await browser.ask('GET', `/fhir/Consent?patient=${stays}`)).status).toBe(403);
    expect((await browser.ask('POST', '/fhir/Consent', consent(retired, 'deny'), FHIR)).status).toBe(201);
    expect(await read(stays)).toBe(404);
  });

  describe('the examples of the documentation', () => {
    let folder: string;
    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), 'member-link-'));
      writeFileSync(join(folder, 'portal-key.json'), JSON.stringify(portalKeys(fresh.platform().dataDir)[0]));
    });
    afterAll(() => rmSync(folder, { recursive: true, force: true }));
    const opens = async (program: string, file: string, code: string): Promise<void> => {
      writeFileSync(join(folder, file), code);
      const { base } = fresh.platform();
      const args = [join(folder, file), join(folder, 'portal-key.json'), base, MEMBER, 'es'];
      const link = execFileSync(program, args, { encoding: 'utf8' }).trim();
      const opened = await new MemberBrowser(base).open(link);
      expect(opened.status, link).toBe(201);
      expect(json<Session>(opened)).toMatchObject({ member: MEMBER, language: 'es' });
    };

    test('a link that Node signs is opened', () => opens(process.execPath, 'link.mjs', codeOf('js')));
    test.skipIf(!HAS_PYTHON)('a link that Python signs is opened', () => opens('python3', 'link.py', codeOf('python')));
    test('pa signs a link, and needs the private key', async () => {
      const { base } = fresh.platform();
      const pa = paOf(fresh.platform(), folder, CLONED_PA);
      const { code, stdout } = await pa('member-link', '--member', MEMBER, '--language', 'es');
      expect([code, stdout]).toEqual([0, expect.stringContaining(`${base}/portal/member#`)]);
      expect(json<Session>(await new MemberBrowser(base).open(stdout.trim()))).toMatchObject({ member: MEMBER });
      const { kty, crv, x, y, kid } = portalKeys(fresh.platform().dataDir)[0]!;
      writeFileSync(join(folder, 'public.json'), JSON.stringify({ kty, crv, x, y, kid }));
      const refused = await pa('member-link', '--member', MEMBER, '--key', 'public.json');
      expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('has no private key')]);
    });
    test('the key that the page makes is one that auth takes', () => {
      const [, script] = /node -e '\n(.*?)'\n/s.exec(PAGE)!;
      execFileSync(process.execPath, ['-e', script!], { cwd: folder });
      const { keys } = JSON.parse(readFileSync(join(folder, 'member-portal-keys.json'), 'utf8')) as { keys: object[] };
      expect(keys).toEqual([expect.objectContaining({ kty: 'EC', crv: 'P-384', kid: 'portal-2027', alg: 'ES384' })]);
      expect(keys[0]).not.toHaveProperty('d');
    });
  });
});
