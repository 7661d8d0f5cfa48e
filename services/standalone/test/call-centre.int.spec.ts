import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '@provider-access/service/config';
import { silentLogger } from '@provider-access/service/observability';
import { eventually } from '@provider-access/testing';
import { standaloneConfig } from '../src/config.ts';
import { type Platform, startPlatform } from '../src/platform.ts';

const TERMS = 'http://terminology.hl7.org/CodeSystem/';
const PURPOSE = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/pdex-consent-api-purpose';
const MEMBER = 'm-calls';
const SCRIPT = 'opt-out 2026-11';
const coded = (system: string, code: string) => ({ coding: [{ system, code }] });

const folder = mkdtempSync(join(tmpdir(), 'call-centre-'));
let platform: Platform;
let administrator: string;
beforeAll(async () => {
  platform = await startPlatform(readConfig(standaloneConfig, { DATA_DIR: folder, PORT: '0' }), silentLogger);
  administrator = readFileSync(platform.administratorTokenFile, 'utf8').trim();
});
afterAll(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Session {
  readonly cookie: string;
  readonly csrf: string;
}
async function signIn(...roles: readonly string[]): Promise<Session> {
  const answer = await fetch(`${platform.address}/auth/session`, {
    method: 'POST',
    headers: { authorization: `Bearer ${administrator}`, 'content-type': 'application/json' },
    body: JSON.stringify({ roles }),
  });
  const { csrf } = (await answer.json()) as { csrf: string };
  return { cookie: answer.headers.getSetCookie()[0]!.split(';')[0]!, csrf };
}
/** A Consent of the member as the page of the call centre sends it. */
const consent = (type: 'deny' | 'permit', over: object = {}): object => ({
  resourceType: 'Consent',
  status: 'active',
  scope: coded(`${TERMS}consentscope`, 'patient-privacy'),
  category: [coded(`${TERMS}v3-ActCode`, 'IDSCL'), coded(PURPOSE, 'provider-access')],
  patient: { reference: `Patient/${MEMBER}` },
  performer: [{ reference: `Patient/${MEMBER}` }],
  organization: [{ reference: 'Organization/payer' }],
  policyRule: coded(`${TERMS}consentpolicycodes`, 'cric'),
  sourceAttachment: { title: SCRIPT },
  provision: {
    type,
    period: { start: '2026-01-01' },
    actor: [
      {
        role: coded(`${TERMS}provenance-participant-type`, 'performer'),
        reference: { reference: 'Organization/payer' },
      },
    ],
    action: [coded(`${TERMS}consentaction`, 'disclose')],
  },
  ...over,
});
const state = (body: object, { cookie, csrf }: Session): Promise<Response> =>
  fetch(`${platform.address}/fhir/Consent`, {
    method: 'POST',
    headers: { cookie, 'x-csrf-token': csrf, 'content-type': 'application/fhir+json' },
    body: JSON.stringify(body),
  });
const get = async <T>(path: string, { cookie }: Session): Promise<T> =>
  (await (await fetch(platform.address + path, { headers: { cookie } })).json()) as T;
interface Kept {
  readonly identifier: readonly { readonly value: string }[];
  readonly sourceAttachment?: { readonly title: string };
  readonly provision: { readonly type: string };
}
async function decisions(session: Session): Promise<readonly Kept[]> {
  const { entry = [] } = await get<{ entry?: readonly { readonly resource: Kept }[] }>(
    `/fhir/Consent?patient=${MEMBER}`,
    session,
  );
  return entry.map(({ resource }) => resource);
}

describe('a person of the call centre', () => {
  test('enters an opt-out and an opt-in with the script, and the number finds the decision again', async () => {
    const person = await signIn('call-centre');
    for (const type of ['deny', 'permit'] as const) {
      const answer = await state(consent(type), person);
      expect([answer.status, await answer.text()]).toEqual([201, expect.stringContaining(SCRIPT)]);
      const number = answer.headers.get('confirmation-number');
      expect(number).toMatch(/^[A-Z2-7]{4}(-[A-Z2-7]{4}){2}$/);
      const [found, ...others] = (await decisions(person)).filter(({ identifier }) => identifier[0]?.value === number);
      expect(others).toEqual([]);
      expect(found).toMatchObject({ sourceAttachment: { title: SCRIPT }, provision: { type } });
    }
    // The audit has the person, the member and the route of each statement.
    const auditor = await signIn('auditor');
    await eventually(async () => {
      const { looks } = await get<{ looks: readonly { readonly operation: string }[] }>(
        `/ops/disclosures/looks?member=${MEMBER}`,
        auditor,
      );
      const stated = looks.filter(({ operation }) => operation === 'POST /fhir/Consent');
      expect(stated).toHaveLength(2);
      for (const one of stated) expect(one).toMatchObject({ by: 'administrator', members: [MEMBER] });
    });
  });

  test('N25 enters an opt-out of one provider, which bars no other', async () => {
    const person = await signIn('call-centre');
    const { provision } = consent('deny') as { provision: { actor: readonly object[] } };
    const recipient = {
      role: coded(`${TERMS}v3-ParticipationType`, 'IRCP'),
      reference: { identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: '1234567893' } },
    };
    const answer = await state(
      consent('deny', { provision: { ...provision, actor: [...provision.actor, recipient] } }),
      person,
    );
    expect(answer.status).toBe(201);
    expect(JSON.stringify(await answer.json())).toContain('"provider-specific"');
  });

  test('N9 enters an opt-in of a representative only with a proof', async () => {
    const person = await signIn('call-centre');
    const asked = { performer: [{ reference: 'RelatedPerson/r1' }] };
    expect((await state(consent('permit', asked), person)).status).toBe(422);
    const proved = { ...asked, verification: [{ verified: true, verifiedWith: { display: 'power of attorney' } }] };
    expect((await state(consent('permit', proved), person)).status).toBe(201);
    // An opt-out gives no access, so it counts without.
    expect((await state(consent('deny', asked), person)).status).toBe(201);
  });

  test.each([undefined, {}, { title: '' }, { title: 'x'.repeat(101) }, { title: '<script>' }, { title: 7 }])(
    'names the script: sourceAttachment %j is refused, and nothing is stored',
    async (sourceAttachment) => {
      const person = await signIn('call-centre');
      const before = await decisions(person);
      const { status } = await state(consent('deny', { sourceAttachment }), person);
      expect([400, 422]).toContain(status);
      expect(await decisions(person)).toEqual(before);
    },
  );

  test('alone has this way in: others and requests of another page are refused', async () => {
    for (const role of ['reviewer', 'auditor', 'operator', 'engineer', 'compliance', 'dead-letter-reader']) {
      const other = await signIn(role);
      expect((await state(consent('deny'), other)).status, role).toBe(403);
      const { status } = await fetch(`${platform.address}/fhir/Consent?patient=${MEMBER}`, {
        headers: { cookie: other.cookie },
      });
      expect(status, role).toBe(403);
    }
    const person = await signIn('call-centre');
    expect((await state(consent('deny'), { ...person, csrf: 'guessed' })).status).toBe(403);
  });
});
