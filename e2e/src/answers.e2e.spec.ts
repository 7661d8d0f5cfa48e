import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freshPlatform, IN_CLUSTER, registerApp, SEPARATE, type TestApp } from './harness.ts';
import { byMembers, publishTaken } from './payers.ts';
import { findGroup, http, type HttpAnswer, type HttpCall, json, optOut, payerEvent, takesEffect } from './road.ts';
import { LIMITS, sharedPayer } from './world/context.ts';

interface Outcome {
  readonly issue: readonly { readonly code: string; readonly diagnostics: string }[];
}
interface Groups {
  readonly entry?: readonly { readonly resource: { readonly id: string; readonly name: string } }[];
}
/** The table of docs/regulation.md: SHALLs of claimed guides that the server does not meet. */
function explained(): readonly (readonly [guide: string, shall: string])[] {
  const page = readFileSync(join(import.meta.dirname, '../../docs/regulation.md'), 'utf8');
  const [, section = ''] = page.split('### What claimed guides ask for and we do not do\n');
  const rows = section
    .split(/\n##/, 1)[0]!
    .split('\n')
    .filter((line) => line.startsWith('| '));
  return rows.slice(2).map(
    (line) =>
      line
        .split('|')
        .slice(1, 3)
        .map((cell) => cell.trim()) as [string, string],
  );
}

describe('answers of the platform', () => {
  const payer = sharedPayer();
  const mine = byMembers(payer)[0]!;
  const members = mine.visible.map(({ member }) => member);
  let fresh: Awaited<ReturnType<typeof freshPlatform>>;
  let app: TestApp;
  let group: string;
  const ask = async (path: string, call: HttpCall = {}): Promise<HttpAnswer> =>
    http(`${fresh.platform().base}${path}`, { token: await app.tokens.get(), ...call });
  const said = (answer: HttpAnswer): string => json<Outcome>(answer).issue[0]!.diagnostics;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS, shared: payer });
    app = await registerApp(fresh.platform(), { name: 'Answers', npi: mine.npi, tin: mine.tin });
    group = (await findGroup(fresh.platform(), await app.tokens.get(), mine.npi)).id;
  }, 600_000);
  afterAll(() => fresh?.dispose());

  // N8
  test.each([
    // A gateway or an ingress answers these itself.
    ...(SEPARATE || IN_CLUSTER ? [] : ['/', '/nothing', '/%', '/health/live', '/metrics']),
    '/fhir/metadata',
    '/fhir/Patient/nobody',
    '/fhir/Group',
    '/fhir/Consent/x',
    '/fhir/bulk',
    '/fhir/Binary/x',
    '/.well-known/smart-configuration',
    '/fhir/.well-known/smart-configuration',
    '/auth/token',
    '/auth/clients',
    '/docs/',
    '/openapi.json',
    '/events',
    '/ops/disclosures?member=x',
    '/ops/audit/AuditEvent',
  ])('%s is never guessed to be of another type, and runs nothing by itself', async (path) => {
    const { headers } = await ask(path);
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'same-origin' });
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'/);
  });

  // U20
  test('a path that the FHIR API does not have names the CapabilityStatement', async () => {
    for (const path of ['/fhir', '/fhir/', '/fhir/Patient/x/$everything', '/fhir/Patient/x/Condition']) {
      const answer = await ask(path);
      expect(answer.status, path).toBe(404);
      expect(said(answer), path).toContain('GET /fhir/metadata');
    }
  });
  test('_pretty=true indents, and changes nothing else', async () => {
    for (const path of [
      '/fhir/metadata?',
      `/fhir/Group?`,
      `/fhir/Patient?_id=${members[0]}&`,
      '/fhir/Patient/nobody?',
    ]) {
      const [plain, pretty] = [await ask(`${path}_pretty=false`), await ask(`${path}_pretty=true`)];
      const text = pretty.body.toString();
      expect(text.split('\n').length, path).toBeGreaterThan(5);
      // The links of a Bundle name no _pretty, so that both answers are the same.
      expect(JSON.parse(text), path).toEqual(JSON.parse(plain.body.toString()));
    }
  });

  // J4
  test('metadata says that there is no terminology service', async () => {
    const answer = await ask('/fhir/metadata?mode=terminology');
    expect([answer.status, said(answer)]).toEqual([400, expect.stringContaining('TerminologyCapabilities')]);
    for (const query of ['', '?mode=full', '?mode=normative'])
      expect(json(await ask(`/fhir/metadata${query}`))).toMatchObject({ resourceType: 'CapabilityStatement' });
    expect((await ask('/fhir/metadata?mode=some')).status).toBe(400);
  });

  /** Shows that the server does not meet a SHALL. When it does, the row of the page must go, and this probe too. */
  const PROBES: Readonly<Record<string, () => Promise<void>>> = {
    async inactive() {
      const member = members.at(-2)!;
      await takesEffect(fresh.platform(), optOut(member));
      const answer = await ask(`/fhir/Group/${group}`);
      expect(answer.body.toString()).not.toMatch(new RegExp(`"Patient/${member}"|dropped|"inactive":true`));
      await takesEffect(fresh.platform(), payerEvent('payer.member-opted-in.v1', member, { scope: 'global' }));
    },
    async permit() {
      const member = members.at(-1)!;
      const path = `/fhir/Patient/${member}`;
      await takesEffect(fresh.platform(), optOut(member));
      const resource = {
        resourceType: 'Consent',
        id: `permit-of-${member}`,
        status: 'active',
        scope: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }] },
        category: [{ coding: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'IDSCL' }] }],
        patient: { reference: `Patient/${member}` },
        dateTime: '2026-01-01',
        provision: { type: 'permit' },
      };
      await publishTaken(fresh.platform(), payerEvent('payer.resource-recorded.v1', member, { resource }));
      expect((await ask(path)).status).toBe(404);
      await takesEffect(fresh.platform(), payerEvent('payer.member-opted-in.v1', member, { scope: 'global' }));
    },
    async url() {
      const [member] = members;
      const id = `elsewhere-${member}`;
      const url = 'Binary/elsewhere';
      const resource = {
        resourceType: 'DocumentReference',
        id,
        status: 'current',
        subject: { reference: `Patient/${member}` },
        content: [{ attachment: { contentType: 'text/plain', url } }],
      };
      await publishTaken(fresh.platform(), payerEvent('payer.resource-recorded.v1', member!, { resource }));
      const content = async (): Promise<unknown> =>
        json<{ content?: object[] }>(await ask(`/fhir/DocumentReference/${id}`)).content;
      await expect.poll(content, { timeout: 60_000 }).toEqual(resource.content);
    },
  };
  // S4
  test.each(explained())('%s: the page is right that this is not met: %s', async (_guide, shall) => {
    const probes = Object.entries(PROBES).filter(([word]) => new RegExp('`' + word + '`').test(shall));
    expect(probes.map(([word]) => word)).toHaveLength(1);
    await probes[0]![1]();
  });
  test('every probe belongs to a row', () => {
    expect(explained()).toHaveLength(Object.keys(PROBES).length);
  });

  // U10
  test('a Group has the name of its provider, and is found by it', async () => {
    const { name } = json<Groups['entry'] & { name: string }>(await ask(`/fhir/Group/${group}`));
    const known = payer.roster.resources.flatMap((resource) => {
      const { identifier = [], name: given } = resource as { identifier?: { value?: string }[]; name?: unknown };
      return identifier.some(({ value }) => value === mine.npi) && typeof given === 'string' ? [given] : [];
    });
    expect(known).toContain(name.replace(/ \(contract [^)]+\)$/, ''));
    const found = json<Groups>(await ask(`/fhir/Group?name=${encodeURIComponent(name.slice(0, 5))}`));
    expect(found.entry!.map(({ resource }) => resource.id)).toContain(group);
    expect(json<Groups>(await ask('/fhir/Group?name=nobody')).entry).toBeUndefined();
    expect(json<Groups>(await ask('/fhir/Group?period=1999')).entry).toBeUndefined();
  });
});
