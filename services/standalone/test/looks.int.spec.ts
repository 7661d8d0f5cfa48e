import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isPersonRole } from '@provider-access/kernel';
import { readConfig } from '@provider-access/service/config';
import { silentLogger } from '@provider-access/service/observability';
import type { Descriptor } from '@provider-access/service/operation';
import { eventually } from '@provider-access/testing';
import { operations } from '../scripts/openapi.ts';
import { standaloneConfig } from '../src/config.ts';
import { type Platform, startPlatform } from '../src/platform.ts';

/**
 * The operations of people whose answer may name a member or have data of one, by hand from what each answers. All
 * others answer about apps, providers, views or numbers.
 */
const SHOW_MEMBERS = [
  'GET /fhir/Consent',
  'POST /fhir/Consent',
  'POST /fhir/Consent/_search',
  'GET /fhir/Consent/{id}',
  'GET /fhir/Consent/{id}/_history',
  'GET /fhir/Consent/{id}/_history/{vid}',
  'GET /events/dead-letters',
  'GET /events/dead-letters/{id}',
  'GET /ops/explain',
  'GET /ops/explain/apps',
  'GET /ops/explain/members',
  'GET /ops/explain/timeline',
  'GET /ops/disclosures',
  'GET /ops/disclosures/document',
  'GET /ops/disclosures/looks',
  'POST /ops/disclosures/members',
  'GET /ops/audit/AuditEvent',
  'GET /ops/audit/AuditEvent/{id}',
  'GET /ops/attestations',
  'POST /ops/attestations/withdrawals',
  'GET /ops/lists/{group}/funnel',
  'GET /ops/notices',
  'GET /ops/reviews',
  'POST /ops/members/find',
  'GET /ops/sources/{source}/{kind}',
  'POST /ops/sources/{source}/{kind}/forecast',
];
/** Steps of people that read what members have, and answer numbers: the audit names who did each. */
const STEPS = [
  'POST /ops/imports',
  'POST /ops/imports/undo',
  'POST /ops/imports/{id}/check',
  'POST /ops/imports/{id}/confirm',
  'DELETE /ops/imports/{id}',
];
/** With `audit`, the frame appends an entry before it answers. */
const isAudited = ({ audit }: Descriptor): boolean => audit !== undefined;
const isOfPeople = ({ callers, security }: Descriptor): boolean =>
  security?.includes('person') === true || (typeof callers !== 'string' && callers.some(isPersonRole));

const MEMBER = 'm-looked-at';
const SOURCE = '/payer';
const CONDITION = {
  resourceType: 'Condition',
  id: 'c1',
  subject: { reference: `Patient/${MEMBER}` },
  code: { text: 'pain' },
  colour: 'red',
};
const folder = mkdtempSync(join(tmpdir(), 'looks-'));
let platform: Platform;
let administrator: string;
let payer: string;
beforeAll(async () => {
  platform = await startPlatform(readConfig(standaloneConfig, { DATA_DIR: folder, PORT: '0' }), silentLogger);
  administrator = readFileSync(platform.administratorTokenFile, 'utf8').trim();
  payer = readFileSync(join(folder, 'payer.token'), 'utf8').trim();
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
  expect(answer.status).toBe(201);
  const { csrf } = (await answer.json()) as { csrf: string };
  return { cookie: answer.headers.getSetCookie()[0]!.split(';')[0]!, csrf };
}
async function get(path: string, { cookie }: Session): Promise<string> {
  const answer = await fetch(platform.address + path, { headers: { cookie } });
  const body = await answer.text();
  expect([path, answer.status]).toEqual([path, 200]);
  return body;
}
interface Look {
  readonly at: string;
  readonly by: string;
  readonly operation?: string;
  readonly members: readonly string[];
}
async function looksAt(query: string, session: Session): Promise<readonly Look[]> {
  return (JSON.parse(await get(`/ops/disclosures/looks?${query}`, session)) as { looks: readonly Look[] }).looks;
}
async function publish(...events: readonly object[]): Promise<void> {
  const answer = await fetch(`${platform.address}/events?wait=30`, {
    method: 'POST',
    headers: { authorization: `Bearer ${payer}`, 'content-type': 'application/cloudevents-batch+json' },
    body: JSON.stringify(
      events.map((event, n) => ({
        specversion: '1.0',
        id: `e-${n}`,
        source: SOURCE,
        time: '2026-01-01T00:00:00Z',
        subject: MEMBER,
        ...event,
      })),
    ),
  });
  expect(answer.status).toBeLessThan(300);
}

describe('each operation of people', () => {
  test('that shows members is audited, and no other is', async () => {
    const all = (await operations('src')).filter(isOfPeople);
    expect(all.length).toBeGreaterThan(40);
    const audited = all.filter(isAudited).map(({ route }) => route);
    expect(audited.toSorted()).toEqual([...SHOW_MEMBERS, ...STEPS].toSorted());
  });
});

describe('who of the staff looked at a member', () => {
  let deadLetter: string;
  beforeAll(async () => {
    await publish(
      { type: 'payer.member-enrolled.v1', data: { coverageId: 'c1', from: '2020-01-01' } },
      {
        type: 'payer.member-opted-out.v2',
        data: {
          scope: 'global',
          effectiveFrom: '2026-01-01T00:00:00Z',
          setBy: 'personal-representative',
          channel: 'phone',
          proof: { kind: 'power-of-attorney', reference: 'case 1', verifiedBy: 'call centre', until: '2026-02-01' },
        },
      },
      // `colour` is no element of a Condition, so the event becomes a dead letter.
      { type: 'payer.resource-recorded.v1', data: { resource: CONDITION } },
    );
    const session = await signIn('engineer');
    await eventually(async () => {
      const { deadLetters } = JSON.parse(await get('/events/dead-letters', session)) as {
        deadLetters: readonly { id: string }[];
      };
      expect(deadLetters.length).toBeGreaterThan(0);
      deadLetter = deadLetters[0]!.id;
    });
  }, 60_000);

  test('each answer that names the member comes after an entry with person, member and route', async () => {
    const everything = await signIn(
      'auditor',
      'call-centre',
      'compliance',
      'engineer',
      'dead-letter-reader',
      'operator',
      'reviewer',
    );
    const asked: Readonly<Record<string, string>> = {
      'GET /events/dead-letters': '/events/dead-letters',
      'GET /events/dead-letters/{id}': `/events/dead-letters/${deadLetter}`,
      'GET /ops/explain': `/ops/explain?client=nobody&member=${MEMBER}`,
      'GET /ops/disclosures': `/ops/disclosures?member=${MEMBER}`,
      'GET /ops/disclosures/document': `/ops/disclosures/document?member=${MEMBER}`,
      'GET /ops/disclosures/looks': `/ops/disclosures/looks?member=${MEMBER}`,
      'GET /ops/notices': '/ops/notices?until=2040-01-01',
      'GET /ops/reviews': '/ops/reviews',
      'GET /ops/audit/AuditEvent': `/ops/audit/AuditEvent?patient=${MEMBER}`,
    };
    // The list of looks names the member when the view has the first of them.
    for (const [route, path] of Object.entries(asked))
      await eventually(async () => expect(await get(path, everything), route).toContain(MEMBER));
    const auditor = await signIn('auditor');
    await eventually(async () => {
      const looks = await looksAt(`member=${MEMBER}`, auditor);
      expect([...new Set(looks.map(({ operation }) => operation))]).toEqual(expect.arrayContaining(Object.keys(asked)));
      for (const look of looks) expect(look).toMatchObject({ members: [MEMBER], at: expect.any(String) });
      expect(new Set(looks.map(({ by }) => by))).toEqual(new Set(['administrator']));
    });
    expect(await looksAt('member=m-nobody', auditor)).toEqual([]);
  }, 60_000);

  test('is answered by person, too, and never for everybody at once', async () => {
    const auditor = await signIn('auditor');
    await eventually(async () => {
      const looks = await looksAt('by=administrator', auditor);
      expect(looks.some(({ members }) => members.includes(MEMBER))).toBe(true);
    });
    const { status } = await fetch(`${platform.address}/ops/disclosures/looks`, {
      headers: { cookie: auditor.cookie },
    });
    expect(status).toBe(400);
  });

  test('looking at the looks ends: a person who reads them again and again adds one entry in an hour', async () => {
    const auditor = await signIn('auditor');
    const count = async (): Promise<number> =>
      (await looksAt(`member=${MEMBER}`, auditor)).filter(({ operation }) => operation === 'GET /ops/disclosures/looks')
        .length;
    await eventually(async () => expect(await count()).toBeGreaterThan(0));
    for (let i = 0; i < 10; i++) await count();
    expect(await count()).toBeLessThanOrEqual(2);
  });

  test('is not in the list and the accounting of the member, because nothing was disclosed', async () => {
    const person = await signIn('call-centre');
    const { disclosures } = JSON.parse(await get(`/ops/disclosures?member=${MEMBER}`, person)) as {
      disclosures: unknown[];
    };
    expect(disclosures).toEqual([]);
    expect(await get(`/ops/disclosures/document?member=${MEMBER}`, person)).toContain('Nothing was disclosed');
  });
});
