import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Feed, FeedReport } from '@provider-access/domain/pdex/feeds';
import { toStructured, type DomainEvent } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { describeUnless } from './describe-unless.ts';
import { freshPlatform, registerApp, SHARED, type Fresh } from './harness.ts';
import { paOf, type Pa } from './pa.ts';
import { http, json, payerEvent } from './road.ts';

/**
 * A payer's engineer publishes claims and clinical data that lack things, and asks `pa feeds` what they lack. The test
 * leaves elements out by its own rules, so it knows the counts: US Core 6.1.0 asks a Condition for `code` and
 * `category`, and a Patient for `identifier`, `name` and `gender`.
 */
const CORE = 'http://hl7.org/fhir/us/core/StructureDefinition/';
const CONDITION = `${CORE}us-core-condition-problems-health-concerns|6.1.0`;
const PATIENT = `${CORE}us-core-patient|6.1.0`;
const PRIOR = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-priorauthorization';
const [CLINIC, CLAIMS] = ['urn:payer:clinical', 'urn:payer:claims'];
const MEMBER = `m-feeds-${randomBytes(4).toString('hex')}`;
const NPI = '1234567893';
const CONDITIONS = 400;

/** Which events lack what. */
const withoutCode = (i: number): boolean => i % 7 === 0;
const withoutCategory = (i: number): boolean => i % 5 === 0;
const condition = (i: number): object => ({
  resourceType: 'Condition',
  id: `${MEMBER}-${i}`,
  meta: { profile: [CONDITION] },
  subject: { reference: `Patient/${MEMBER}` },
  ...(!withoutCode(i) && { code: { text: 'asthma' } }),
  ...(!withoutCategory(i) && {
    category: [
      {
        coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-category', code: 'problem-list-item' }],
      },
    ],
  }),
});
const numbers = Array.from({ length: CONDITIONS }, (_, i) => i);
const count = (holds: (i: number) => boolean): number => numbers.filter(holds).length;
const patient = { resourceType: 'Patient', id: MEMBER, meta: { profile: [PATIENT] }, name: [{ family: 'Feeds' }] };
const priorAuthorization = (id: string, reason?: object): object => ({
  resourceType: 'ExplanationOfBenefit',
  id: `${MEMBER}-${id}`,
  status: 'active',
  type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/claim-type', code: 'professional' }] },
  use: 'preauthorization',
  patient: { reference: `Patient/${MEMBER}` },
  created: new Date().toISOString().slice(0, 10),
  insurer: { reference: 'Organization/o' },
  provider: { reference: 'Organization/p' },
  outcome: 'complete',
  insurance: [{ focal: true, coverage: { reference: 'Coverage/c' } }],
  item: [
    {
      sequence: 1,
      productOrService: { coding: [{ system: 'http://www.ama-assn.org/go/cpt', code: '97110' }] },
      adjudication: [
        {
          extension: [
            {
              url: 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/extension-reviewAction',
              extension: [
                {
                  url: 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/extension-reviewActionCode',
                  valueCodeableConcept: { coding: [{ system: 'https://codesystem.x12.org/005010/306', code: 'A3' }] },
                },
              ],
            },
          ],
          category: {
            coding: [
              {
                system: 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PDexAdjudicationDiscriminator',
                code: 'denialreason',
              },
            ],
          },
          ...(reason !== undefined && { reason }),
        },
      ],
    },
  ],
});
const recorded = (source: string, resource: object): DomainEvent => ({
  ...payerEvent('payer.resource-recorded.v1', MEMBER, { resource }),
  source,
});
const clinical = [patient, ...numbers.map(condition)].map((resource) => recorded(CLINIC, resource));
const authorizations = [priorAuthorization('pa-1'), priorAuthorization('pa-2', { text: 'not covered' })].map(
  (resource) => recorded(CLAIMS, resource),
);

/** What the test expects of each feed: checked, lacking, and counts by `element rule`. */
type Counts = Readonly<Record<string, readonly [number, number, Readonly<Record<string, number>>]>>;
const EXPECTED: Counts = {
  [`${CLAIMS} ExplanationOfBenefit ${PRIOR}`]: [
    2,
    1,
    { 'ExplanationOfBenefit.item.adjudication:denialreason.reason denial-reason': 1 },
  ],
  [`${CLINIC} Condition ${CONDITION}`]: [
    CONDITIONS,
    count((i) => withoutCode(i) || withoutCategory(i)),
    {
      'Condition.category min': count(withoutCategory),
      'Condition.category:us-core min': count(withoutCategory),
      'Condition.code min': count(withoutCode),
    },
  ],
  // It is refused each time it comes.
  [`${CLINIC} Patient ${PATIENT}`]: [2, 2, { 'Patient.identifier min': 2, 'Patient.gender min': 2 }],
};
const countsOf = (feeds: readonly Feed[]): Counts =>
  Object.fromEntries(
    feeds.map(({ source, type, profile, checked, lacking, lacks }) => [
      `${source} ${type} ${profile}`,
      [checked, lacking, Object.fromEntries(lacks.map((l) => [`${l.element} ${l.rule}`, l.count]))],
    ]),
  );

describeUnless(SHARED && 'other scenarios use the platform', "what a payer's data lacks", () => {
  let folder: string;
  let fresh: Fresh;
  let pa: Pa;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'provider-access-feeds-'));
    const policy = join(folder, 'profiles.json');
    writeFileSync(policy, JSON.stringify({ profiles: { [CORE]: 'keep', [PATIENT]: 'refuse', [CONDITION]: 'unmark' } }));
    fresh = await freshPlatform({ env: { PROFILE_POLICY_FILE: policy } });
    pa = paOf(fresh.platform(), fresh.folder);
  });
  afterAll(async () => {
    await fresh?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });
  const report = async (): Promise<{ report: FeedReport; code: number | null }> => {
    const { stdout, stderr, code } = await pa('feeds', '--json');
    if (stdout === '') throw new Error(stderr);
    return { report: JSON.parse(stdout) as FeedReport, code };
  };
  const post = async (events: readonly DomainEvent[]): Promise<void> => {
    const { base, payerToken } = fresh.platform();
    const answer = await http(`${base}/events`, {
      method: 'POST',
      token: payerToken,
      headers: { 'content-type': 'application/x-ndjson' },
      body: events.map((event) => JSON.stringify(toStructured(event))).join('\n'),
    });
    expect(answer.status).toBe(200);
  };
  const becomes = (expected: Counts): Promise<void> =>
    eventually(async () => expect(countsOf((await report()).report.feeds)).toEqual(expected), { interval: 250 });

  test('is counted exactly, out of order, twice, and through a kill in the middle', async () => {
    expect(await report()).toMatchObject({ report: { feeds: [] }, code: 0 });
    await post([...clinical.slice(200).toReversed(), ...authorizations]);
    await post(clinical);
    await fresh.restart('kill');
    await post([...authorizations, ...clinical.toReversed()]);
    await becomes(EXPECTED);
    expect((await report()).code).toBe(1);
  });

  test('is the same after the view is built again', async () => {
    const before = (await report()).report;
    expect((await pa('views', 'rebuild', 'resources_feeds_v1')).code).toBe(0);
    expect((await report()).report).toEqual(before);
  });

  test('is printed as tables, with what is not checked', async () => {
    const { stdout, code } = await pa('feeds', '--source', CLINIC);
    expect(code).toBe(1);
    expect(stdout).toMatch(
      new RegExp(`${CLINIC} +Condition +us-core-condition-problems-health-concerns\\|6.1.0 +400 +\\d+ +unmark`),
    );
    expect(stdout).toContain('Condition.code');
    expect(stdout).not.toContain('pdex-priorauthorization');
    expect(await pa('feeds', '--for', `${CORE}us-core-goal`)).toMatchObject({ code: 0 });
    expect(await pa('feeds', '--from', 'yesterday')).toMatchObject({ code: 2 });
  });

  test('is refused, unmarked or kept by the policy, and told at once to who publishes', async () => {
    const app = await registerApp(fresh.platform(), { name: 'Feeds', npi: NPI });
    await post([
      payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' }),
      payerEvent('payer.member-enrolled.v1', MEMBER, { coverageId: MEMBER, from: '2020-01-01' }),
      payerEvent('payer.attribution-asserted.v1', MEMBER, { provider: { npi: NPI }, from: '2020-01-01' }),
    ]);
    const read = async (path: string): Promise<{ status: number; profile?: unknown }> => {
      const answer = await http(`${fresh.platform().base}/fhir/${path}`, { token: await app.tokens.get() });
      const { meta } = json<{ meta?: { profile?: unknown } }>(answer);
      return { status: answer.status, profile: meta?.profile };
    };
    await eventually(async () =>
      expect(await read(`Condition/${MEMBER}-1`)).toEqual({ status: 200, profile: [CONDITION] }),
    );
    expect(await read(`Condition/${MEMBER}-5`)).toEqual({ status: 200, profile: undefined });
    expect((await read(`Patient/${MEMBER}`)).status).toBe(404);

    const file = join(folder, 'resources.ndjson');
    const lacking = { ...condition(5), id: `${MEMBER}-new` };
    const kept = {
      resourceType: 'AllergyIntolerance',
      id: `${MEMBER}-kept`,
      meta: { profile: [`${CORE}us-core-allergyintolerance|6.1.0`] },
      patient: { reference: `Patient/${MEMBER}` },
    };
    writeFileSync(file, [patient, lacking, kept].map((resource) => JSON.stringify(resource)).join('\n'));
    const { stdout, code } = await pa('publish', file);
    expect(code).toBe(1);
    expect(stdout).toContain('profile-not-met');
    expect(stdout).toMatch(/us-core-patient\|6.1.0 Patient.gender \(min\)/);
    expect(stdout).toMatch(/us-core-condition-problems-health-concerns\|6.1.0 Condition.category \(min\): 1/);
    await eventually(async () =>
      expect(await read(`AllergyIntolerance/${MEMBER}-kept`)).toEqual({ status: 200, profile: kept.meta.profile }),
    );
  });

  test('a policy that cannot be used ends the start with its fault', async () => {
    const policy = join(folder, 'misspelt.json');
    writeFileSync(policy, JSON.stringify({ profiles: { [`${CORE}us-core-pateint`]: 'refuse' } }));
    const output: string[] = [];
    await expect(
      freshPlatform({ env: { PROFILE_POLICY_FILE: policy }, onLine: (line) => output.push(line) }),
    ).rejects.toThrow(/PROFILE_POLICY_FILE: \\?"profiles\\?" entry 1 must be named/);
  });
});
