import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { npiOf } from '@provider-access/synthetic';
import { newAppKey, tokenRequest } from '@provider-access/testing';
import { type Fresh, freshPlatform } from './harness.ts';
import { bundleOf, eventsOf, MATCH, PAYER, person, requestOf } from './match-request.ts';
import { publishTaken } from './payers.ts';
import { http, type HttpAnswer, json, kickOff, payerEvent, sealed, texts } from './road.ts';
import { LIMITS } from './world/context.ts';

/** An app for laboratory results (APPS.md P52, P53): what its developer and its reviewer see, and what it gets. */
describe('an app whose scope is system/Observation.rs?category=laboratory', () => {
  const NPI = npiOf(randomInt(1e8));
  const LABORATORY = 'system/Observation.rs?category=laboratory';
  const BESIDE = 'system/ExplanationOfBenefit.rs system/Provenance.rs system/Organization.rs?name=Clinic';
  const SCOPE = `${MATCH} system/Group.rs system/Patient.rs ${BESIDE} ${LABORATORY}`;
  const MEMBER = person(0);
  const ID = MEMBER.member;
  const { key, publicJwk } = newAppKey();
  let fresh: Fresh;
  let client: string;
  let token: string;

  const observation = (id: string, category: string, more: object = {}) => ({
    resource: {
      ...{ resourceType: 'Observation', id, status: 'final', subject: { reference: `Patient/${ID}` } },
      ...{ category: [{ coding: [{ code: category }] }], code: { text: id }, ...more },
    },
  });
  const provenance = (id: string, target: string) => ({
    resource: {
      ...{ resourceType: 'Provenance', id, target: [{ reference: `Observation/${target}` }] },
      ...{ recorded: '2024-05-01T00:00:00Z', agent: [{ who: { reference: 'Organization/clinic' } }] },
    },
  });
  const organization = (id: string, name: string) => {
    const resource = { resourceType: 'Organization', id, active: true, name };
    return payerEvent('payer.provider-recorded.v1', `Organization/${id}`, { resource });
  };
  const claim = {
    resource: {
      ...{ resourceType: 'ExplanationOfBenefit', id: 'eob', status: 'active', use: 'claim', outcome: 'complete' },
      ...{ type: { coding: [{ code: 'professional' }] }, patient: { reference: `Patient/${ID}` } },
      ...{ created: '2024-05-01', insurer: { reference: 'Organization/payer' } },
      ...{ provider: { reference: 'Organization/clinic' }, billablePeriod: { start: '2024-05-01', end: '2024-05-01' } },
      insurance: [{ focal: true, coverage: { reference: `Coverage/${ID}-coverage` } }],
    },
  };
  const post = (path: string, body: object, as?: string, headers: Record<string, string> = {}) =>
    http(`${fresh.platform().base}${path}`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) },
      ...(as !== undefined && { token: as }),
    });
  const asAdministrator = (path: string, body: object): Promise<HttpAnswer> =>
    post(path, body, fresh.platform().administratorToken);
  const get = (path: string): Promise<HttpAnswer> => http(`${fresh.platform().base}/fhir/${path}`, { token });
  const tokenFor = async (scope: string): Promise<HttpAnswer> => {
    const { base } = fresh.platform();
    return http(`${base}/auth/token`, tokenRequest({ clientId: client, key, scope }, base));
  };
  interface Bundle {
    readonly total?: number;
    readonly entry?: readonly { readonly resource: { readonly id: string; readonly resourceType: string } }[];
  }
  const namesIn = async (path: string): Promise<readonly string[]> =>
    (json<Bundle>(await get(path)).entry ?? [])
      .map(({ resource }) => `${resource.resourceType}/${resource.id}`)
      .toSorted();
  const diagnostics = (answer: HttpAnswer): string => answer.body.toString();
  /** `Type/id` of each line of an export, and what the manifest counts. */
  async function exported(group: string, query = ''): Promise<readonly string[]> {
    const manifest = await sealed(await kickOff(fresh.platform(), token, group, query), token);
    const lines = [...(await texts(manifest, token)).values()].flatMap((text) => text.trim().split('\n'));
    expect(manifest.output.reduce((all, { count = 0 }) => all + count, 0)).toBe(lines.length);
    return lines
      .map((line) => JSON.parse(line))
      .map((one) => `${one.resourceType}/${one.id}`)
      .toSorted();
  }
  let group: string;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: { ...LIMITS, PAYER_IDENTIFIERS: PAYER } });
    await publishTaken(
      fresh.platform(),
      payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
      organization('clinic', 'Clinic'),
      organization('payer', 'Payer'),
      ...eventsOf(MEMBER),
      ...[
        observation('hba1c', 'laboratory'),
        observation('was-vital', 'vital-signs'),
        observation('bp', 'vital-signs', { hasMember: [{ reference: 'Observation/hba1c' }] }),
        claim,
      ].map((data) => payerEvent('payer.resource-recorded.v1', ID, data)),
    );
    await publishTaken(
      fresh.platform(),
      ...[observation('was-vital', 'laboratory'), provenance('of-hba1c', 'hba1c'), provenance('of-bp', 'bp')].map(
        (data) => payerEvent('payer.resource-recorded.v1', ID, data),
      ),
    );
  });
  afterAll(() => fresh?.dispose());

  test('P52: is registered and approved with this scope, and another parameter is refused by name', async () => {
    const registered = await post('/auth/register', {
      ...{ client_name: 'Laboratory', npi: [NPI], contacts: ['mailto:developer@clinic.example'] },
      ...{ scope: `${SCOPE} system/Encounter.rs?nonsense=1`, jwks: { keys: [publicJwk] } },
    });
    const { client_id, scope, scope_refused } = json<Record<string, string>>(registered);
    expect([registered.status, scope, scope_refused]).toEqual([
      201,
      SCOPE,
      [expect.stringMatching(/^Encounter: .*nonsense/)],
    ]);
    client = client_id!;
    const identifiers = [{ npi: NPI, evidence: 'Contract 7' }];
    const approved = await asAdministrator(`/auth/clients/${client}/approve`, { reason: 'a test', identifiers });
    expect([approved.status, json<{ scope: string }>(approved).scope]).toEqual([200, SCOPE]);
  });

  test('P52: gets a token for it, also when it asks for more, and none for another part', async () => {
    const granted = json<{ access_token: string; scope: string }>(await tokenFor(`${MATCH} system/*.rs`));
    expect(granted.scope.split(' ').toSorted()).toEqual(SCOPE.split(' ').toSorted());
    token = granted.access_token;
    const vitals = await tokenFor('system/Observation.rs?category=vital-signs');
    expect([vitals.status, json(vitals)]).toMatchObject([400, { error: 'invalid_scope' }]);
    const nonsense = await tokenFor('system/Observation.rs?nonsense=1');
    expect([nonsense.status, json(nonsense)]).toMatchObject([
      400,
      { error: 'invalid_scope', error_description: expect.stringContaining('nonsense') },
    ]);
  });

  test('P53: matches a member, whose Group shows that the member is there', async () => {
    const as = { 'content-type': 'application/fhir+json', prefer: 'respond-async' };
    const body = JSON.parse(requestOf(bundleOf(MEMBER, 1, NPI))) as object;
    const answer = await post('/fhir/Group/$provider-member-match', body, token, as);
    expect(answer.status).toBe(202);
    const files = await texts(await sealed(String(answer.headers['content-location']), token), token);
    const found = [...files.values()]
      .join('')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    group = found.find((one) => one.code.coding[0].code === 'match').id;
    expect(json<{ quantity: number }>(await get(`Group/${group}`)).quantity).toBe(1);
  });

  test('P53: reads what is within, and gets what is outside as what nobody has', async () => {
    expect((await get('Observation/hba1c')).status).toBe(200);
    const [outside, absent] = [await get('Observation/bp'), await get('Observation/no')];
    expect([outside.status, diagnostics(outside)]).toEqual([404, diagnostics(absent).replaceAll('/no', '/bp')]);
  });

  test('P53: has no version from when a resource was outside', async () => {
    expect(json<Bundle>(await get('Observation/was-vital/_history')).total).toBe(1);
    const versions = await Promise.all([1, 2].map((n) => get(`Observation/was-vital/_history/${n}`)));
    expect(versions.map(({ status }) => status)).toEqual([404, 200]);
    expect((await get('Observation/bp/_history')).status).toBe(404);
  });

  test('P53: finds, counts and includes what is within alone', async () => {
    const all = ['Observation/hba1c', 'Observation/was-vital'];
    expect(await namesIn(`Observation?patient=${ID}`)).toEqual(all);
    for (const query of ['_summary=count', '_total=accurate'])
      expect(json<Bundle>(await get(`Observation?patient=${ID}&${query}`)).total).toBe(all.length);
    expect(await namesIn(`Observation?patient=${ID}&category=vital-signs`)).toEqual([]);
    expect(await namesIn(`Observation?patient=${ID}&_revinclude=Provenance:target`)).toEqual([
      ...all,
      'Provenance/of-hba1c',
    ]);
    expect(await namesIn(`ExplanationOfBenefit?patient=${ID}&_include=*`)).toEqual([
      'ExplanationOfBenefit/eob',
      'Organization/clinic',
      `Patient/${ID}`,
    ]);
  });

  test('P53: exports what is within alone', async () => {
    const observations = ['Observation/hba1c', 'Observation/was-vital'];
    expect(await exported(group)).toEqual([
      'ExplanationOfBenefit/eob',
      ...observations,
      'Organization/clinic',
      `Patient/${ID}`,
      // Its scope covers every Provenance, also one of what it cannot read.
      'Provenance/of-bp',
      'Provenance/of-hba1c',
    ]);
    expect(await exported(group, '?_type=Observation')).toEqual(observations);
    const outside = encodeURIComponent('Observation?category=vital-signs');
    const manifest = await sealed(
      await kickOff(fresh.platform(), token, group, `?_type=Observation&_typeFilter=${outside}`),
      token,
    );
    expect(manifest.output).toEqual([]);
  });

  test('is told by name what its scope does not cover', async () => {
    const refused = await Promise.all([
      get(`Encounter?patient=${ID}`),
      get('Encounter/e1'),
      http(`${fresh.platform().base}/fhir/Group/${group}/$export?_type=Encounter`, {
        ...{ token, headers: { accept: 'application/fhir+json', prefer: 'respond-async' } },
      }),
    ]);
    for (const answer of refused)
      expect([answer.status, diagnostics(answer)]).toEqual([403, expect.stringContaining('Encounter')]);
    const narrow = json<{ access_token: string }>(await tokenFor(LABORATORY)).access_token;
    const as = { 'content-type': 'application/fhir+json', prefer: 'respond-async' };
    const match = await post('/fhir/Group/$provider-member-match', {}, narrow, as);
    expect([match.status, diagnostics(match)]).toEqual([403, expect.stringMatching(/A match needs the scope/)]);
  });
});
