import { createPrivateKey, randomUUID, sign, type webcrypto } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readConfig } from '@provider-access/service/config';
import { silentLogger } from '@provider-access/service/observability';
import { eventually } from '@provider-access/testing';
import { standaloneConfig } from '../src/config.ts';
import { type Platform, startPlatform } from '../src/platform.ts';

const ROLES = ['reviewer', 'auditor', 'operator', 'engineer', 'call-centre', 'compliance', 'dead-letter-reader'];
/** Of a member who opened a link of the portal (PEOPLE.md N51). No person of the payer has it. */
const MEMBER = 'member';
const IN_A_SESSION = [...ROLES, MEMBER];

/**
 * Which people may use each route, by hand from PEOPLE.md ("What each page must answer") and APPS.md P18 and P63, and
 * not from the descriptors. Nobody but the administrator's token may use a route with an empty list.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'GET /auth/clients': ['reviewer', 'auditor', 'compliance'],
  'GET /auth/clients/{client}': ['reviewer', 'auditor', 'compliance'],
  'POST /auth/clients/{client}/approve': ['reviewer'],
  'POST /auth/clients/{client}/reject': ['reviewer'],
  'POST /auth/clients/{client}/suspend': ['reviewer'],
  'POST /auth/clients/{client}/revoke': ['reviewer'],
  'POST /auth/clients/{client}/review': ['reviewer'],
  'POST /auth/clients/{client}/bindings/{provider}/end': ['reviewer'],
  'GET /auth/decisions': ['reviewer', 'auditor', 'compliance'],
  'GET /auth/signing-keys': ['operator'],
  'POST /auth/signing-keys/{kid}/withdraw': ['operator'],
  'GET /auth/session': IN_A_SESSION,
  'POST /auth/session': [],
  'POST /auth/session/renew': IN_A_SESSION,
  'DELETE /auth/session': IN_A_SESSION,
  'POST /auth/session/end-all': ['operator', 'compliance'],
  'GET /events/receipts/{id}': ['engineer'],
  'GET /events/dead-letters': ['engineer'],
  'GET /events/dead-letters/causes': ['engineer'],
  'GET /events/dead-letters/{id}': ['dead-letter-reader'],
  'POST /events/dead-letters/{id}/replay': ['engineer'],
  'POST /events/dead-letters/{id}/discard': ['engineer'],
  'POST /events/dead-letters/{id}/check': ['engineer'],
  'POST /events/dead-letters/runs': ['engineer'],
  'GET /events/dead-letters/runs': ['engineer'],
  'GET /events/dead-letters/runs/{run}': ['engineer'],
  'POST /events/dead-letters/runs/{run}/stop': ['engineer'],
  'GET /ops/explain': ['auditor'],
  'GET /ops/explain/apps': ['auditor', 'call-centre'],
  'GET /ops/explain/members': ['auditor'],
  'GET /ops/explain/timeline': ['auditor'],
  'POST /ops/explain/labels': ['engineer', 'compliance'],
  'GET /ops/disclosures': ['auditor', 'call-centre', MEMBER],
  'GET /ops/disclosures/document': ['auditor', 'call-centre', MEMBER],
  'GET /ops/disclosures/looks': ['auditor', 'compliance'],
  'POST /ops/disclosures/members': ['auditor'],
  'POST /ops/disclosures/recalls': [],
  'GET /ops/audit/AuditEvent': ['auditor'],
  'GET /ops/audit/AuditEvent/{id}': ['auditor'],
  'GET /ops/audit/verification': ['auditor', 'compliance'],
  'GET /fhir/Consent': ['call-centre', 'member'],
  'POST /fhir/Consent': ['call-centre', 'member'],
  'POST /fhir/Consent/_search': ['call-centre'],
  'GET /fhir/Consent/{id}': ['call-centre', 'member'],
  'GET /fhir/Consent/{id}/_history': ['call-centre'],
  'GET /fhir/Consent/{id}/_history/{vid}': ['call-centre'],
  'GET /ops/slo': ['auditor', 'operator', 'engineer', 'compliance'],
  'GET /ops/slo/freshness': ['auditor', 'operator', 'engineer', 'compliance'],
  'GET /ops/feeds': ['operator', 'engineer'],
  'POST /ops/probe': [],
  'GET /ops/views/{service}': ['operator', 'engineer'],
  'GET /ops/health/{service}': ['operator'],
  'POST /ops/views/{service}/{name}/rebuild': ['operator'],
  'POST /ops/views/{service}/{name}/rollback': ['operator'],
  'POST /ops/views/{service}/{name}/abandon': ['operator'],
  'GET /ops/sandbox': [],
  'POST /ops/sandbox/reset': [],
  'GET /ops/lines': ['auditor', 'engineer', 'compliance'],
  'POST /ops/lines': ['compliance'],
  'POST /ops/lines/check': ['engineer', 'compliance'],
  'GET /ops/notices': ['call-centre', 'compliance'],
  'GET /ops/reviews': ['call-centre', 'compliance'],
  'POST /ops/members/find': ['call-centre'],
  'GET /ops/lists': ['engineer', 'compliance'],
  'GET /ops/lists/{group}/funnel': ['engineer'],
  'GET /ops/sources/{source}/{kind}': ['engineer'],
  'POST /ops/sources/{source}/{kind}/forecast': ['engineer'],
  'GET /ops/sources': ['engineer'],
  'POST /ops/imports': ['engineer'],
  'POST /ops/imports/undo': ['engineer'],
  'GET /ops/imports': ['engineer'],
  'GET /ops/imports/{id}': ['engineer'],
  'DELETE /ops/imports/{id}': ['engineer'],
  'PUT /ops/imports/{id}/parts/{n}': ['engineer'],
  'POST /ops/imports/{id}/check': ['engineer'],
  'POST /ops/imports/{id}/confirm': ['engineer'],
  'GET /ops/attestations': ['auditor'],
  'GET /ops/attestations/matches': ['auditor', 'compliance'],
  'POST /ops/attestations/withdrawals': ['compliance'],
  'GET /ops/evidence': ['compliance'],
  'GET /ops/evidence/apps/{client}': ['reviewer', 'auditor', 'compliance'],
  'GET /ops/evidence/signatures/{sha256}': ['auditor', 'compliance'],
};
/** Answers with ids or data of members. */
const PROTECTED = [
  '/events/dead-letters',
  '/ops/explain',
  '/ops/disclosures',
  '/ops/audit/AuditEvent',
  '/ops/notices',
  '/ops/reviews',
  '/ops/members',
  '/ops/attestations',
  '/ops/sources',
  '/ops/lists/{group}/funnel',
  '/fhir/Consent',
];

interface Described {
  readonly security: readonly Readonly<Record<string, readonly string[]>>[];
}
const { paths } = JSON.parse(readFileSync(new URL('../../../docs/openapi.json', import.meta.url), 'utf8')) as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
};
const ROUTES = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, described]) => ({ route: `${method.toUpperCase()} ${path}`, ...described })),
);
const isOfPeople = (route: string): boolean =>
  / \/(ops|fhir\/Consent|auth\/(clients|decisions|signing-keys|session)|events\/(dead-letters|receipts))\b/.test(
    route,
  ) && !['GET /auth/session/sign-in', 'GET /auth/session/sign-out', 'GET /auth/session/callback'].includes(route);

const folder = mkdtempSync(join(tmpdir(), 'roles-'));
let platform: Platform;
let administrator: string;
interface Session {
  readonly cookie: string;
  readonly csrf: string;
}
const sessions = new Map<string, Session>();
beforeAll(async () => {
  platform = await startPlatform(readConfig(standaloneConfig, { DATA_DIR: folder, PORT: '0' }), silentLogger);
  administrator = readFileSync(platform.administratorTokenFile, 'utf8').trim();
  for (const role of ROLES) sessions.set(role, await signIn([role]));
  sessions.set(MEMBER, await openLink());
});
afterAll(async () => {
  await platform.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A session by the administrator's token, with some of its roles (P62). */
async function signIn(roles: readonly string[]): Promise<Session> {
  const answer = await fetch(`${platform.address}/auth/session`, {
    method: 'POST',
    headers: { authorization: `Bearer ${administrator}`, 'content-type': 'application/json' },
    body: JSON.stringify({ roles }),
  });
  expect(answer.status).toBe(201);
  const [cookie = ''] = answer.headers.getSetCookie();
  const { csrf } = (await answer.json()) as { csrf: string };
  return { cookie: cookie.split(';')[0]!, csrf };
}
/** A session of the member `m1`, by a link as docs/member-link.md says it. */
async function openLink(): Promise<Session> {
  const payer = readFileSync(platform.payerTokenFile, 'utf8').trim();
  const event = {
    specversion: '1.0',
    id: 'out-1',
    source: '/roles',
    type: 'payer.member-opted-out.v2',
    time: '2026-01-01T00:00:00Z',
    subject: 'm1',
    data: { scope: 'global', effectiveFrom: '2026-01-01', setBy: 'member' },
  };
  const published = await fetch(`${platform.address}/events`, {
    method: 'POST',
    headers: { authorization: `Bearer ${payer}`, 'content-type': 'application/x-ndjson' },
    body: JSON.stringify(event),
  });
  expect(published.status).toBe(200);
  await published.text();
  const { keys } = JSON.parse(readFileSync(join(folder, 'member-portal-keys.json'), 'utf8')) as {
    keys: [webcrypto.JsonWebKey & { kid: string }];
  };
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'member-portal',
    sub: 'member-portal',
    aud: `${platform.address}/auth/member-session`,
    iat: now,
    exp: now + 600,
    jti: randomUUID(),
    member: 'm1',
  };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'ES384', kid: keys[0].kid, typ: 'JWT' })}.${part(claims)}`;
  const key = createPrivateKey({ key: keys[0], format: 'jwk' });
  const signature = sign('sha384', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url');
  const answer = await fetch(`${platform.address}/auth/member-session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ link: `${signed}.${signature}` }),
  });
  expect(answer.status).toBe(201);
  const [cookie = ''] = answer.headers.getSetCookie();
  const { csrf } = (await answer.json()) as { csrf: string };
  return { cookie: cookie.split(';')[0]!, csrf };
}
const split = (route: string): { method: string; url: string } => {
  const [method = '', path = ''] = route.split(' ');
  return { method, url: path.replace('{service}', 'resources').replaceAll(/{\w+}/g, 'unknown') };
};
const ask = async (route: string, { cookie, csrf }: Session): Promise<number> => {
  const { method, url } = split(route);
  const headers = { cookie, ...(method !== 'GET' && { 'x-csrf-token': csrf }) };
  return (await fetch(platform.address + url, { method, headers })).status;
};

describe('P63 each route of people', () => {
  test('has a row in the table, and each row is a route', () => {
    const routes = ROUTES.map(({ route }) => route).filter(isOfPeople);
    expect(routes.toSorted()).toEqual(Object.keys(ALLOWED).toSorted());
    expect(routes.length).toBeGreaterThan(40);
  });

  test('names its roles in the OpenAPI document', () => {
    for (const { route, security } of ROUTES.filter(({ route }) => isOfPeople(route))) {
      const people = security.flatMap((one) => one['person'] ?? []);
      expect(people.toSorted(), route).toEqual(ALLOWED[route]!.toSorted());
      if (!route.startsWith('GET /auth/session') && route !== 'DELETE /auth/session' && !route.includes('/renew'))
        expect(security, route).toContainEqual({ administrator: [] });
    }
  });

  // The routes of a sandbox exist in a sandbox alone, and sign-out would end the session of the next row.
  const asked = Object.keys(ALLOWED).filter(
    (route) => !route.includes('/ops/sandbox') && route !== 'DELETE /auth/session',
  );
  test.each(asked)('%s answers the roles of its row, and 403 or 401 to all others', async (route) => {
    const allowed = ALLOWED[route] ?? [];
    for (const role of IN_A_SESSION) {
      const status = await ask(route, sessions.get(role)!);
      if (allowed.includes(role)) expect([401, 403, 405, 500], `${role}: ${status}`).not.toContain(status);
      else expect(status, role).toBe(403);
    }
    // The administrator's token has every role on the API.
    const { method, url } = split(route);
    const headers = { authorization: `Bearer ${administrator}` };
    if (ROLES.every((role) => allowed.includes(role)) && url.startsWith('/auth/session')) return;
    const { status } = await fetch(platform.address + url, { method, headers });
    expect([401, 403, 405, 500], `administrator: ${status}`).not.toContain(status);
  });

  test('a member sees and decides what is about this member, and nothing else', async () => {
    const { cookie } = sessions.get(MEMBER)!;
    const status = async (path: string): Promise<number> =>
      (await fetch(platform.address + path, { headers: { cookie } })).status;
    for (const path of ['/fhir/Consent', '/ops/disclosures', '/ops/disclosures?member=m1', '/auth/session'])
      expect(await status(path), path).toBe(200);
    for (const path of ['/ops/disclosures?member=m2', '/fhir/Consent?patient=m2', '/ops/views/auth', '/ops/views'])
      expect(await status(path), path).toBe(403);
    for (const path of ['/fhir/Patient/m1', '/fhir/Group', '/fhir/bulk']) expect(await status(path), path).toBe(401);
    expect(await status('/ops/sandbox')).toBe(404);
  });

  test('an auditor cannot approve, and a reviewer reads nothing protected', async () => {
    expect(await ask('POST /auth/clients/{client}/approve', sessions.get('auditor')!)).toBe(403);
    const routes = ROUTES.map(({ route }) => route).filter((route) =>
      PROTECTED.some((path) => route.split(' ')[1]!.startsWith(path)),
    );
    expect(routes.length).toBeGreaterThan(14);
    for (const route of routes) expect(await ask(route, sessions.get('reviewer')!), route).toBe(403);
  });

  test('P18 who is no auditor learns by a question about the past nothing of a member: 403 or 401', async () => {
    const { cookie } = sessions.get('reviewer')!;
    const authorization = `Bearer ${readFileSync(platform.payerTokenFile, 'utf8').trim()}`;
    const from = '2026-01-01T00:00:00Z';
    for (const [path, others] of [
      ['/ops/explain', { client: 'c' }],
      ['/ops/explain/apps', { from }],
      ['/ops/explain/timeline', { from }],
      ['/ops/explain/members', { client: 'c' }],
    ] as const)
      for (const [headers, status] of [
        [{ cookie }, 403],
        [{ authorization }, 401],
      ] as const) {
        const answers = await Promise.all(
          ['m1', 'nobody'].map(async (member) => {
            const query = new URLSearchParams({ ...others, ...(path.endsWith('members') ? {} : { member }) });
            const answer = await fetch(`${platform.address}${path}?${query}`, { headers: { ...headers } });
            return [answer.status, await answer.text()];
          }),
        );
        expect(answers[0]![0], path).toBe(status);
        expect(answers[1], path).toEqual(answers[0]);
      }
  });

  test('an engineer foresees what events would change, and publishes none', async () => {
    const { cookie, csrf } = await signIn(['engineer']);
    const post = (path: string) =>
      fetch(platform.address + path, {
        method: 'POST',
        headers: { cookie, 'x-csrf-token': csrf, 'content-type': 'application/json' },
        body: '{"events":[]}',
      });
    expect((await post('/ops/sources/clinic/roster/forecast')).status).toBe(200);
    expect((await post('/events')).status).toBe(403);
  });

  test('records each refusal in the audit, with the route and without what the caller sent', async () => {
    const session = await signIn(['operator']);
    for (const route of ['GET /ops/explain', 'POST /auth/clients/{client}/approve'])
      expect(await ask(route, session)).toBe(403);
    interface AuditEvent {
      readonly outcomeDesc?: string;
      readonly entity?: readonly { readonly description?: string }[];
    }
    await eventually(async () => {
      const answer = await fetch(`${platform.address}/ops/audit/AuditEvent?agent=administrator&outcome=4&_count=200`, {
        headers: { authorization: `Bearer ${administrator}` },
      });
      const { entry = [] } = (await answer.json()) as { entry?: readonly { readonly resource: AuditEvent }[] };
      const told = entry.map(({ resource }) => `${resource.outcomeDesc} ${resource.entity?.[0]?.description}`);
      expect(told).toContain('forbidden GET /ops/explain');
      expect(told).toContain('forbidden POST /auth/clients/{client}/approve');
      // A decision that does not exist is a refusal, too.
      const others = told.filter((one) => !one.startsWith('forbidden '));
      expect(others.filter((one) => !/^unknown-resource .*\/fhir\/Consent/.test(one))).toEqual([]);
    });
  });
});
