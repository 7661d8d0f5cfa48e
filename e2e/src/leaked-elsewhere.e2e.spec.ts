import { randomBytes, randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Manifest } from '@provider-access/cli';
import { npiOf } from '@provider-access/synthetic';
import { clientAssertion, eventually, exchange, form } from '@provider-access/testing';
import { type Fresh, freshPlatform, registerApp, type TestApp } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { findGroup, http, type HttpAnswer, json, kickOff, payerEvent, publishAll, sealed, texts } from './road.ts';

const run = randomBytes(4).toString('hex');
/** Ada is at practice A, Bob at practice B, Cat at both, and Dan leaves A. */
const [ada, bob, cat, dan] = ['ada', 'bob', 'cat', 'dan'].map((name) => `${name}-${run}`) as [
  string,
  string,
  string,
  string,
];
const id = (name: string): string => `${name}-${run}`;
interface Bundle {
  readonly total?: number;
  readonly entry?: readonly { readonly resource: { readonly resourceType: string; readonly id: string } }[];
}

/** What leaked from other servers of FHIR, by the public report of each: the same must not leak here. */
describe('what leaked elsewhere', () => {
  const [a, b] = [npiOf(randomInt(1e8)), npiOf(randomInt(1e8))];
  let fresh: Fresh;
  let app: TestApp;
  let token: string;
  let group: string;
  let otherGroup: string;
  let before: Manifest;

  const observation = (member: string, name: string, more: object = {}) => ({
    resource: {
      ...{ resourceType: 'Observation', id: id(name), status: 'final', code: { text: 'weight' } },
      subject: { reference: `Patient/${member}` },
      effectiveDateTime: '2024-05-01',
      ...more,
    },
  });
  const device = (member: string, name: string) => ({
    resource: {
      ...{ resourceType: 'Device', id: id(name), serialNumber: `serial of ${name}` },
      patient: { reference: `Patient/${member}` },
    },
  });
  const shared = (resource: { readonly resourceType: string; readonly id: string; readonly [name: string]: unknown }) =>
    payerEvent('payer.provider-recorded.v1', `${resource.resourceType}/${resource.id}`, { resource });
  const attributed = (member: string, npi: string, more: object = {}) =>
    payerEvent('payer.attribution-asserted.v1', member, { provider: { npi }, from: '2020-01-01', ...more });

  /** A token of the same app with these scopes. */
  const grant = async (scope: string): Promise<{ readonly status: number; readonly body: Record<string, string> }> => {
    const url = `${fresh.platform().base}/auth/token`;
    const signed = clientAssertion(app, url);
    const answer = await http(url, {
      ...form({ ...Object.fromEntries(new URLSearchParams(exchange(signed).body)), scope }),
    });
    return { status: answer.status, body: json(answer) };
  };
  const get = (path: string, as = token): Promise<HttpAnswer> =>
    http(path.startsWith('http') ? path : `${fresh.platform().base}/fhir/${path}`, { token: as });
  /** `Type/id` of a searchset. */
  const found = async (search: string, as = token): Promise<readonly string[]> => {
    const answer = await get(search, as);
    expect(answer.status, `${search}: ${answer.body.toString()}`).toBe(200);
    return (json<Bundle>(answer).entry ?? [])
      .map(({ resource }) => `${resource.resourceType}/${resource.id}`)
      .filter((name) => !name.startsWith('OperationOutcome'));
  };

  beforeAll(async () => {
    fresh = await freshPlatform();
    const platform = fresh.platform();
    const organization = id('clinic');
    const performer = [{ reference: `Organization/${organization}` }];
    await publishTaken(
      platform,
      ...[a, b].map((npi) =>
        payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
      ),
      shared({ resourceType: 'Organization', id: organization, active: true, name: 'Clinic of both' }),
      shared({ resourceType: 'Device', id: id('d-shared'), serialNumber: 'serial of nobody' }),
      ...memberOf(bob, { npi: b }, observation(bob, 'o-bob', { performer, valueString: 'secret of Bob' })),
      ...memberOf(ada, { npi: a }),
      ...memberOf(cat, { npi: a }, observation(cat, 'o-cat', { performer })),
      ...memberOf(dan, { npi: a }, observation(dan, 'o-dan', { performer })),
      attributed(cat, b),
    );
    await publishTaken(
      platform,
      payerEvent('payer.resource-recorded.v1', bob, device(bob, 'd-bob')),
      payerEvent('payer.resource-recorded.v1', ada, device(ada, 'd-ada')),
      payerEvent(
        'payer.resource-recorded.v1',
        ada,
        observation(ada, 'o-ada', {
          performer,
          derivedFrom: [{ reference: `Observation/${id('o-bob')}` }],
          hasMember: [{ reference: `Observation/${id('o-bob')}` }],
          device: { reference: `Device/${id('d-bob')}` },
        }),
      ),
      payerEvent(
        'payer.resource-recorded.v1',
        bob,
        observation(bob, 'o-bob-2', { derivedFrom: [{ reference: `Observation/${id('o-ada')}` }] }),
      ),
      ...[
        { resourceType: 'Medication', id: id('med-bob'), code: { text: 'secret of Bob' } },
        {
          ...{ resourceType: 'Coverage', id: id('cov-bob'), status: 'active' },
          beneficiary: { reference: `Patient/${bob}` },
          payor: performer,
        },
      ].map((resource) => payerEvent('payer.resource-recorded.v1', bob, { resource })),
      ...[
        {
          ...{ resourceType: 'MedicationRequest', id: id('rx-ada'), status: 'active', intent: 'order' },
          ...{ subject: { reference: `Patient/${ada}` }, authoredOn: '2024-05-01' },
          medicationReference: { reference: `Medication/${id('med-bob')}` },
        },
        {
          ...{ resourceType: 'ExplanationOfBenefit', id: id('eob-ada'), status: 'active', use: 'claim' },
          ...{ type: { coding: [{ code: 'professional' }] }, patient: { reference: `Patient/${ada}` } },
          ...{ created: '2024-05-01', insurer: performer[0], provider: performer[0], outcome: 'complete' },
          billablePeriod: { start: '2024-05-01', end: '2024-05-01' },
          insurance: [{ focal: true, coverage: { reference: `Coverage/${id('cov-bob')}` } }],
        },
      ].map((resource) => payerEvent('payer.resource-recorded.v1', ada, { resource })),
    );
    app = await registerApp(platform, { name: 'Practice A', npi: a });
    const other = await registerApp(platform, { name: 'Practice B', npi: b });
    token = await app.tokens.get();
    group = (await findGroup(platform, token, a)).id;
    otherGroup = (await findGroup(platform, await other.tokens.get(), b)).id;
    await eventually(async () => expect((await get(`Observation/${id('o-ada')}`)).status).toBe(200));
    before = await sealed(await kickOff(platform, token, group), token);
  });
  afterAll(() => fresh?.dispose());

  test('microsoft/fhir-server #5683: includes bring nothing out of the compartment, and the rest', async () => {
    const [order, claim] = [`MedicationRequest/${id('rx-ada')}`, `ExplanationOfBenefit/${id('eob-ada')}`];
    // Each of them refers to a resource of Bob, and to the clinic, which is nobody's.
    expect(await found(`MedicationRequest?patient=${ada}&_include=MedicationRequest:medication`)).toEqual([order]);
    for (const include of [
      'ExplanationOfBenefit:coverage',
      'ExplanationOfBenefit:coverage&_include:iterate=Coverage:payor',
    ])
      expect(await found(`ExplanationOfBenefit?patient=${ada}&_include=${include}`), include).toEqual([claim]);
    for (const include of ['ExplanationOfBenefit:*', '*', '*&_include:iterate=Coverage:payor']) {
      const all = await found(`ExplanationOfBenefit?patient=${ada}&_include=${include}`);
      expect(all, include).toEqual(expect.arrayContaining([claim, `Organization/${id('clinic')}`, `Patient/${ada}`]));
      expect(
        all.filter((name) => name.includes('bob')),
        include,
      ).toEqual([]);
    }
    // A Provenance of Bob about a resource of Ada is taken by nobody.
    expect(await found(`Observation?patient=${ada}&_revinclude=Provenance:target`)).toEqual([
      `Observation/${id('o-ada')}`,
    ]);
  });

  test('microsoft/fhir-server #5661: a Device of another member is found by no road, one of nobody is', async () => {
    expect((await get(`Device/${id('d-bob')}`)).status).toBe(404);
    for (const search of [`_id=${id('d-bob')}`, `patient=${bob}`, `patient=Patient/${bob}`])
      expect(await found(`Device?${search}`), search).toEqual([]);
    expect(await found(`Device?patient=${ada}`)).toEqual([`Device/${id('d-ada')}`]);
    expect((await get(`Device/${id('d-shared')}`)).status).toBe(200);
    const files = await texts(before, token);
    expect(files.get('Device')).toContain(id('d-ada'));
    expect([...files.values()].join('')).not.toContain('serial of d-bob');
  });

  test('microsoft/fhir-server #5717: mixed scopes grant the system ones, and nothing by the others', async () => {
    const { status, body } = await grant('patient/*.rs user/Patient.rs launch/patient openid system/Observation.rs');
    expect([status, body['scope']]).toEqual([200, 'system/Observation.rs']);
    const mixed = body['access_token']!;
    expect((await get(`Observation/${id('o-ada')}`, mixed)).status).toBe(200);
    expect((await get(`Patient/${ada}`, mixed)).status).toBe(403);
    for (const scope of ['patient/*.rs', 'user/*.read', 'launch openid fhirUser'])
      expect(await grant(scope), scope).toMatchObject({ status: 400, body: { error: 'invalid_scope' } });
  });

  test('microsoft/fhir-server #5674: an export needs the scope of each type, as do its status and files', async () => {
    const narrow = (await grant('system/Observation.rs')).body['access_token']!;
    const { base } = fresh.platform();
    const started = await http(`${base}/fhir/Group/${group}/$export?_type=Patient,Observation`, {
      token: narrow,
      headers: { accept: 'application/fhir+json', prefer: 'respond-async' },
    });
    expect(started.status).toBe(403);
    for (const { type, url } of before.output)
      expect((await get(url, narrow)).status, type).toBe(type === 'Observation' ? 200 : 403);
  });

  test('microsoft/fhir-server #5699: a narrative that runs something is served by no road, the data are', async () => {
    const scripts = [
      '<script>alert(1)</script>',
      '<a href="\tjavascript:alert(1)">x</a>',
      '<img src="#x" onerror="a()"/>',
    ];
    const text = (content: string) => ({ status: 'generated', div: `<div>${content}</div>` });
    const names = scripts.map((_, i) => `o-script-${i}`);
    const report = await publishAll(
      fresh.platform(),
      [...scripts, 'weight <b>80</b>'].map((content, i) =>
        payerEvent('payer.resource-recorded.v1', ada, observation(ada, names[i] ?? 'o-good', { text: text(content) })),
      ),
    );
    expect(report).toMatchObject({ outcomes: { recorded: 4 }, removed: { 'Observation.text': 3 } });
    await eventually(async () => expect((await get(`Observation/${id('o-good')}`)).status).toBe(200));
    for (const name of names) {
      const answer = await get(`Observation/${id(name)}`);
      expect(json(answer)).toMatchObject({ code: { text: 'weight' } });
      expect(answer.body.toString()).not.toMatch(/alert|onerror|"text":\{/);
    }
    const search = await get(`Observation?patient=${ada}`);
    expect(search.body.toString()).not.toMatch(/alert|onerror/);
    expect(json(await get(`Observation/${id('o-good')}`))).toMatchObject({ text: text('weight <b>80</b>') });
  });

  test('hapifhir/hapi-fhir #6065: no condition on what an app may not read tells what stands there', async () => {
    const patients = (await grant('system/Patient.rs')).body['access_token']!;
    const answerTo = async (search: string, as = patients): Promise<unknown> => {
      const answer = await get(search, as);
      return { status: answer.status, body: answer.body.toString().replaceAll(/weight|height|secret|nothing/g, '*') };
    };
    for (const [right, wrong] of [
      ['Patient?_has:Observation:patient:code=weight', 'Patient?_has:Observation:patient:code=height'],
      [
        `Patient?_id=${ada}&_has:Observation:subject:value-string=secret`,
        `Patient?_id=${ada}&_has:Observation:subject:value-string=nothing`,
      ],
    ] as const) {
      expect(await answerTo(right), right).toEqual(await answerTo(wrong));
      expect(await answerTo(right), right).toMatchObject({ status: 400 });
    }
    // An include of a type without a scope.
    for (const search of [
      `Patient?_id=${ada}&_revinclude=Observation:subject`,
      `Patient?_id=${ada}&_revinclude=Observation:patient`,
    ])
      expect(
        (await found(search, patients).catch(() => [])).filter((name) => name.startsWith('Observation')),
        search,
      ).toEqual([]);
    // Conditions on members whom the app may not see find the same as conditions on nobody.
    for (const search of [
      `code:text=weight`,
      'status=final',
      `derived-from=Observation/${id('o-ada')}`,
      '_summary=count',
      '_sort=date&_total=accurate',
    ])
      expect(await answerTo(`Observation?patient=${bob}&${search}`, token), search).toEqual(
        JSON.parse(
          JSON.stringify(await answerTo(`Observation?patient=nob-${run}&${search}`, token)).replaceAll(
            `nob-${run}`,
            bob,
          ),
        ),
      );
  });

  test('hapifhir/hapi-fhir #3700: an export of a Group has no other Group, though they share a member', async () => {
    expect(before.output.map(({ type }) => type)).not.toContain('Group');
    const all = [...(await texts(before, token)).values()].join('');
    expect(all).toContain(cat);
    for (const foreign of [otherGroup, b, `Patient/${bob}`, id('o-bob-2'), 'secret of Bob'])
      expect(all, foreign).not.toContain(foreign);
    const groups = json<Bundle>(await get('Group')).entry ?? [];
    expect(groups.map(({ resource }) => resource.id)).toEqual([group]);
    expect((await get('Group')).body.toString()).not.toContain(bob);
  });

  test('Firely Server 4.10.2: a resource that members share brings none of its other members along', async () => {
    const files = await texts(before, token);
    const lines = (
      type: string,
    ): readonly { readonly id: string; readonly subject?: { readonly reference: string } }[] =>
      (files.get(type) ?? '')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    expect(lines('Organization').filter((one) => one.id === id('clinic'))).toHaveLength(1);
    const subjects = new Set(lines('Observation').map(({ subject }) => subject!.reference));
    expect([...subjects].sort()).toEqual([ada, cat, dan].map((member) => `Patient/${member}`));
    for (const path of [`Organization/${id('clinic')}/$everything`, `Patient/${ada}/$everything`])
      expect((await get(path)).body.toString(), path).not.toContain(bob);
    expect(
      (await found(`Organization?_id=${id('clinic')}&_revinclude=Observation:performer`).catch(() => [])).filter(
        (name) => name.includes('bob'),
      ),
    ).toEqual([]);
  });

  test('icanbwell/fhir-server #2503: a removed member is in no Group, no new export and no old file', async () => {
    const platform = fresh.platform();
    expect([...(await texts(before, token)).values()].join('')).toContain(dan);
    const ended = payerEvent('payer.attribution-ended.v1', dan, { provider: { npi: a }, to: '2024-01-01' });
    await publishTaken(platform, ended);
    await eventually(async () => expect((await get(`Patient/${dan}`)).status).toBe(404));
    expect((await get(`Group/${group}`)).body.toString()).not.toContain(dan);
    const since = `?_since=${encodeURIComponent(before.transactionTime)}`;
    for (const query of ['', since]) {
      const now = await sealed(await kickOff(platform, token, group, query), token);
      expect([...(await texts(now, token)).values()].join(''), query).not.toContain(dan);
    }
    expect([...(await texts(before, token)).values()].join('')).not.toContain(dan);
  });
});
