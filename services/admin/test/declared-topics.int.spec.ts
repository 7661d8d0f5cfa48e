import { generateKeyPairSync } from 'node:crypto';
import {
  encodeEvent,
  PA_ATTESTATIONS,
  PA_AUDIT_CHAIN,
  PA_DEPLOYMENT,
  PAYER_MEMBER_EVENTS,
  PAYER_PROVIDER_EVENTS,
  SERVICES,
  topicsOf,
} from '@provider-access/events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { attestedRecord } from '@provider-access/process/testing';
import { eventually } from '@provider-access/testing';
import { aclRules } from '../src/acls.ts';
import { DECLARATIONS, viewGroup } from '../src/services.ts';
import { RecordedServices } from './recorded-services.ts';

/** A short story of the platform with everything that makes a service use the log. */
const house = new RecordedServices();
let n = 0;
const event = (type: string, subject: string, data: unknown) => ({
  specversion: '1.0',
  id: `e${++n}`,
  source: '/payer',
  type,
  time: '2026-01-02T00:00:00Z',
  subject,
  datacontenttype: 'application/json',
  data,
});
const NPI = '1234567893';
/**
 * Without the mark of the deployment, which a process reads and writes before its module starts, and without the seal
 * of a day, which is written on the next one.
 */
function declared(service: (typeof SERVICES)[number]): Pick<ReturnType<typeof topicsOf>, 'writes' | 'reads'> {
  const { writes, reads } = topicsOf(service);
  const own = (topics: readonly string[]): string[] => topics.filter((topic) => topic !== PA_DEPLOYMENT);
  return { writes: own(writes).filter((topic) => topic !== PA_AUDIT_CHAIN), reads: own(reads) };
}
type Asked = Parameters<RecordedServices['call']>;
const answered = (...asked: Asked): ReturnType<RecordedServices['call']> =>
  eventually(
    async () => {
      const answer = await house.call(...asked);
      if (answer.status !== 200) throw new Error(JSON.stringify(answer));
      return answer;
    },
    { what: asked.slice(0, 3).join(' ') },
  );

/** As a person does it, so that attribution appends rows and the end of the import. */
async function importFile(): Promise<void> {
  const call = async (method: 'POST' | 'PUT' | 'GET', path: string, body?: unknown, headers?: Asked[5]) => {
    const answer = await house.call('attribution', method, `/ops/imports${path}`, house.administrator, body, headers);
    expect(answer.status, answer.body).toBeLessThan(300);
    return JSON.parse(answer.body) as { id: string; state: string; report: { number: string } };
  };
  const rests = (id: string, state: string) =>
    eventually(async () => {
      const run = await call('GET', `/${id}`);
      expect(run).toMatchObject({ state });
      return run;
    });
  const about = { kind: 'roster', source: 'south-mso', asOf: '2026-01-01', name: 'roster.csv' };
  const { id } = await call('POST', '', about);
  const file = `member,npi,from\nm1,${NPI},2025-01-01\n`;
  await call('PUT', `/${id}/parts/0`, file, { 'content-type': 'application/octet-stream' });
  await call('POST', `/${id}/check`);
  const { report } = await rests(id, 'checked');
  await call('POST', `/${id}/confirm`, { number: report.number });
  await rests(id, 'done');
}

beforeAll(async () => {
  await house.start();
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES384', use: 'sig' };
  const registered = await house.call('auth', 'POST', '/auth/register', '', {
    client_name: 'An EHR',
    jwks: { keys: [jwk] },
    scope: 'system/*.rs',
    contacts: ['mailto:dev@app.example'],
    npi: NPI,
  });
  const { client_id: client } = JSON.parse(registered.body) as { client_id: string };
  await house.publish(
    event('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2025-01-01' }),
    event('payer.provider-recorded.v1', NPI, {
      resource: {
        resourceType: 'Practitioner',
        id: 'pr1',
        identifier: [{ system: 'http://hl7.org/fhir/sid/us-npi', value: NPI }],
      },
    }),
    event('payer.list-changed.v1', NPI, { provider: { npi: NPI }, status: 'open' }),
    event('payer.member-enrolled.v1', 'm1', { coverageId: 'c1', from: '2025-01-01' }),
    event('payer.attribution-asserted.v1', 'm1', { provider: { npi: NPI }, from: '2025-01-01' }),
    event('payer.attribution-asserted.v1', 'm4', {
      provider: { npi: NPI },
      from: '2025-01-01',
      file: { source: 'north-mso', batch: 'roster.north-mso.2026-01-01.0123456789', asOf: '2026-01-01' },
    }),
    event('payer.resource-recorded.v1', 'm1', {
      resource: { resourceType: 'Patient', id: 'm1', name: [{ family: 'Test' }] },
    }),
    // Another version of the same resource, so that the first one is superseded.
    event('payer.resource-recorded.v1', 'm1', {
      resource: { resourceType: 'Patient', id: 'm1', name: [{ family: 'Test', given: ['Ann'] }] },
    }),
    event('payer.resource-recorded.v1', 'm1', {
      resource: {
        resourceType: 'ExplanationOfBenefit',
        id: 'eob1',
        status: 'active',
        use: 'claim',
        type: { text: 'x' },
        created: '2026-01-01',
        insurer: { display: 'x' },
        provider: { display: 'x' },
        outcome: 'complete',
        insurance: [{ focal: true, coverage: { display: 'x' } }],
        patient: { reference: 'Patient/m1' },
      },
    }),
    event('payer.member-opted-out.v1', 'm2', {}),
    event('payer.member-opted-out.v2', 'm4', {
      file: { source: 'portal', batch: 'opt-outs.portal.2026-01-01.0123456789', asOf: '2026-01-01' },
    }),
  );
  // Events that POST /events would refuse, and an opt-out in the wrong topic, so that each service writes dead letters.
  const raw = (type: string, subject: string) =>
    encodeEvent({ id: `raw${++n}`, source: '/payer', type, time: '2026-01-03T00:00:00Z', subject, data: { scope: 7 } });
  await house.log.append(
    PAYER_MEMBER_EVENTS,
    ['payer.resource-recorded.v1', 'payer.attribution-ended.v1', 'payer.member-opted-out.v1'].map((type) =>
      raw(type, 'm3'),
    ),
  );
  await house.log.append(PAYER_PROVIDER_EVENTS, [
    raw('payer.provider-recorded.v1', NPI),
    raw('payer.network-status-changed.v1', NPI),
    raw('payer.member-opted-out.v1', 'm3'),
  ]);
  const letters = await eventually(
    async () => {
      const { deadLetters } = JSON.parse(
        (await answered('resources', 'GET', '/events/dead-letters?status=open', house.administrator)).body,
      ) as { deadLetters: { id: string }[] };
      return deadLetters.length === 6 && deadLetters;
    },
    { what: 'six dead letters' },
  );
  for (const letter of letters) {
    const answer = await house.call(
      'resources',
      'POST',
      `/events/dead-letters/${letter.id}/discard`,
      house.administrator,
      { reason: 'a test' },
    );
    expect(answer.status).toBe(200);
  }
  expect(
    (
      await house.call('auth', 'POST', `/auth/clients/${client}/approve`, house.administrator, {
        identifiers: [{ npi: NPI, evidence: 'a test' }],
        confirm: [NPI],
      })
    ).status,
  ).toBe(200);

  const { token } = await house.tokens.issue(client, 'system/*.rs', 1);
  await answered('resources', 'GET', '/fhir/Patient/m1', token);
  const found = await answered(
    'attribution',
    'GET',
    `/fhir/Group?identifier=http://hl7.org/fhir/sid/us-npi|${NPI}`,
    token,
  );
  const group = (JSON.parse(found.body) as { entry: { resource: { id: string } }[] }).entry[0]!.resource.id;
  const accepted = await house.call('export', 'GET', `/fhir/Group/${group}/$export`, token, undefined, {
    prefer: 'respond-async',
    accept: 'application/fhir+json',
  });
  expect(accepted.status).toBe(202);
  const path = (url: string): string => url.replace('https://pa.example.org', '');
  const manifest = await answered('export', 'GET', path(accepted.location!), token);
  const file = (JSON.parse(manifest.body) as { output: { url: string }[] }).output[0]!.url;
  expect((await house.call('export', 'GET', path(file), token)).status).toBe(200);
  expect(
    (
      await house.call('attribution', 'POST', '/ops/probe', house.administrator, {
        at: '2026-01-02T00:00:00Z',
        ok: true,
        steps: [],
      })
    ).status,
  ).toBe(202);
  expect((await house.call('attribution', 'GET', '/ops/slo', house.administrator)).status).toBe(200);
  const [from, to] = ['2026-01-01T00:00:00.000Z', '2999-01-01T00:00:00.000Z'];
  const of = { member: 'm1', group: 'match-1', client, npi: NPI, policy: 'accept', job: 'j' };
  await house.log.append(PA_ATTESTATIONS, [attestedRecord({ ...of, from, to, attestedAt: from })]);
  // Nobody matches, and the result is recorded all the same.
  const bundle = { name: 'MemberBundle', part: [] };
  const match = await house.call(
    'export',
    'POST',
    '/fhir/Group/$provider-member-match',
    token,
    { resourceType: 'Parameters', parameter: [bundle] },
    { prefer: 'respond-async', accept: 'application/fhir+json', 'content-type': 'application/fhir+json' },
  );
  expect([match.status, match.body]).toEqual([202, expect.any(String)]);
  await answered('export', 'GET', path(match.location!), token);
  const withdrawal = { group: 'match-1', reason: 'a test' };
  expect(
    (await house.call('attribution', 'POST', '/ops/attestations/withdrawals', house.administrator, withdrawal)).status,
  ).toBe(200);
  await importFile();
  // A refused token request, because auth audits it.
  await house.call('auth', 'POST', '/auth/token', '', 'grant_type=client_credentials', {
    'content-type': 'application/x-www-form-urlencoded',
  });
  // Wait for pending writes. The tests below name a write that never happens.
  const allWritten = (): boolean => SERVICES.every((s) => declared(s).writes.every((t) => house.uses[s].writes.has(t)));
  // eslint-disable-next-line no-restricted-syntax -- the tests below fail and name what is missing
  await eventually(allWritten, { timeout: 30_000 }).catch(() => undefined);
});
afterAll(() => house.stop());

test.each(SERVICES)('%s appends to the topics that it is declared to write, no more and no less', (service) => {
  expect([...house.uses[service].writes].toSorted()).toEqual([...declared(service).writes].toSorted());
});

test.each(SERVICES)('%s reads the topics that it is declared to read, no more and no less', (service) => {
  expect([...house.uses[service].reads].toSorted()).toEqual([...declared(service).reads].toSorted());
});

test.each(SERVICES)('%s looks at heads of what it is declared to look at', (service) => {
  const { writes, reads, heads } = topicsOf(service);
  const known = new Set([...writes, ...reads]);
  expect([...house.uses[service].heads].filter((t) => !known.has(t)).toSorted()).toEqual([...heads].toSorted());
});

test.each(SERVICES)('%s asks about losses of the groups that it may describe', (service) => {
  const may = aclRules()
    .filter(
      (rule) => rule.principal === `User:${service}` && rule.resource === 'group' && rule.operation === 'Describe',
    )
    .map(({ name }) => name);
  expect([...house.uses[service].asked].filter((group) => !may.includes(group))).toEqual([]);
  // Every service that decides reads the losses of every group of an intake.
  const intakes = DECLARATIONS.flatMap(({ subscriptions }) => subscriptions).filter(({ topics }) =>
    topics.some((t) => t === PAYER_MEMBER_EVENTS || t === PAYER_PROVIDER_EVENTS),
  );
  expect([...house.uses[service].asked].toSorted()).toEqual(
    service === 'auth' ? [] : intakes.map(({ group }) => group).toSorted(),
  );
});

test.each(DECLARATIONS)(
  'the consumer groups of $service are those that its index says',
  ({ service, subscriptions, projections }) => {
    const declared = [
      ...subscriptions.map(({ group, topics }) => [group, topics] as const),
      // Nobody keeps up a former view that the release before has not made.
      ...projections.filter(({ former }) => former !== true).map((p) => [viewGroup(p), Object.keys(p.topics)] as const),
    ];
    expect(Object.fromEntries(house.uses[service].groups)).toEqual(Object.fromEntries(declared));
  },
);
