import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { describeUnless } from './describe-unless.ts';
import { type Fresh, freshPlatform, IN_CLUSTER, registerApp, SHARED, type TestApp } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { jsonOf, paOf } from './pa.ts';
import { findGroup, http, type HttpAnswer, json, kickOff, payerEvent, sealed, texts } from './road.ts';

/**
 * R15: a payer's feed has no security labels, and the platform withholds what a list of codes names. The list of the
 * payer's state comes from a file, which changes here.
 */
const STATE = 'https://payer.example/labels|state-law';
const ICD10 = 'http://hl7.org/fhir/sid/icd-10-cm';
const NPI = npiOf(randomInt(1e8));
const M = 'm-sensitive';

const claim = (id: string, diagnosis: object, more: object = {}): { resource: object } => ({
  resource: {
    resourceType: 'ExplanationOfBenefit',
    id,
    status: 'active',
    use: 'claim',
    type: { coding: [{ system: 'http://terminology.hl7.org/CodeSystem/claim-type', code: 'professional' }] },
    patient: { reference: `Patient/${M}` },
    created: '2025-03-01',
    billablePeriod: { start: '2025-02-01', end: '2025-02-02' },
    insurer: { display: 'x' },
    provider: { display: 'x' },
    outcome: 'complete',
    insurance: [{ focal: true, coverage: { display: 'c' } }],
    diagnosis: [{ sequence: 1, diagnosisCodeableConcept: { coding: [diagnosis] } }],
    ...more,
  },
});
const CLAIMS = [
  claim('opioids', { system: ICD10, code: 'F11.20' }),
  // X12: the qualifier of the code list, and the code without its dot.
  claim('from-x12', { system: 'ABK', code: 'f1020' }),
  claim('asthma', { system: ICD10, code: 'J45.909' }),
  claim('plain', { system: ICD10, code: 'I10' }),
];
interface EarlierRelease {
  readonly client: string;
  readonly action: string;
  readonly members: number;
  readonly job?: string;
  readonly file?: string;
}
const PART_2 = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|42CFRPart2';
const line = (sequence: number, code: string, more: object): object => ({
  sequence,
  productOrService: { coding: [{ system: 'https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets', code }] },
  ...more,
});
/** A visit, methadone that another clinic gave, and a service that only the payer's state will list. */
const MIXED = claim(
  'mixed',
  { system: ICD10, code: 'M54.5' },
  {
    item: [
      line(1, '99213', { servicedDate: '2025-02-01', diagnosisSequence: [1] }),
      line(2, 'H0020', { servicedDate: '2025-02-02', noteNumber: [1] }),
      line(3, 'T2000', { servicedDate: '2025-02-01', bodySite: { coding: [{ system: ICD10, code: 'Z99.9' }] } }),
    ],
    processNote: [{ number: 1, text: 'methadone clinic' }],
  },
);
const ALL = ['asthma', 'from-x12', 'opioids', 'plain'];

const WHY = SHARED !== undefined || IN_CLUSTER ? 'it restarts the platform' : undefined;
describeUnless(WHY, 'sensitive data without labels', () => {
  let fresh: Fresh;
  let app: TestApp;
  let folder: string;
  let status: string;
  const list = (name: string, ...codes: string[]): void => {
    const labels = codes.length === 0 ? [] : [{ label: STATE, law: 'State law 12.3', system: ICD10, codes }];
    writeFileSync(join(folder, 'state.json'), JSON.stringify({ list: name, source: 'the state', labels }));
  };
  const policy = (rule?: string): void =>
    writeFileSync(
      join(folder, 'labels.json'),
      JSON.stringify({ labels: rule === undefined ? {} : { [PART_2]: rule, [STATE]: rule } }),
    );
  const read = async (path: string): Promise<HttpAnswer> =>
    http(`${fresh.platform().base}/fhir/${path}`, { token: await app.tokens.get() });
  /** The claims that the app sees in every way: by id, by search, by count, and in a new export. */
  const seen = async (): Promise<Record<string, readonly string[] | number>> => {
    const byId: string[] = [];
    for (const id of ALL) if ((await read(`ExplanationOfBenefit/${id}`)).status === 200) byId.push(id);
    const found = json<{ total: number; entry?: { resource: { id: string } }[] }>(
      await read(`ExplanationOfBenefit?patient=${M}`),
    );
    const count = json<{ total: number }>(await read(`ExplanationOfBenefit?patient=${M}&_summary=count`));
    const token = await app.tokens.get();
    const group = await findGroup(fresh.platform(), token, NPI);
    const manifest = await sealed(
      await kickOff(fresh.platform(), token, group.id, '?_type=ExplanationOfBenefit'),
      token,
    );
    return {
      byId,
      bySearch: (found.entry ?? []).map(({ resource }) => resource.id).toSorted(),
      total: found.total,
      count: count.total,
      exported: idsOf(await texts(manifest, token)),
    };
  };
  const everywhere = (...ids: string[]): object => ({
    byId: ids,
    bySearch: ids,
    total: ids.length,
    count: ids.length,
    exported: ids,
  });
  /** `pa simulate labels` with the file as it is now. */
  const simulate = async (): Promise<{ earlierReleases: EarlierRelease[] }> => {
    const pa = paOf(fresh.platform(), folder);
    return jsonOf(pa, 'simulate', 'labels', 'state.json');
  };
  const explained = async (): Promise<object> =>
    json<{ withheld: object }>(
      await http(`${fresh.platform().base}/ops/explain?client=${app.clientId}&member=${M}`, {
        token: fresh.platform().administratorToken,
      }),
    ).withheld;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lists-'));
    list('State 2025');
    policy();
    fresh = await freshPlatform({
      env: {
        SENSITIVE_CODES_FILES: join(folder, 'state.json'),
        SECURITY_LABELS_FILE: join(folder, 'labels.json'),
      },
    });
    app = await registerApp(fresh.platform(), { name: 'Practice', npi: NPI });
    const network = { status: 'in-network', from: '2020-01-01', npi: NPI };
    await publishTaken(
      fresh.platform(),
      payerEvent('payer.network-status-changed.v1', NPI, network),
      ...memberOf(M, { npi: NPI }, ...CLAIMS),
    );
    await eventually(async () => expect((await read('ExplanationOfBenefit/plain')).status).toBe(200));
  });
  afterAll(async () => {
    await fresh?.dispose();
    rmSync(folder, { recursive: true });
  });

  test('R15 a claim with a code of the built-in list does not exist for a provider, and explain says why', async () => {
    expect(await seen()).toEqual(everywhere('asthma', 'plain'));
    const unknown = await read('ExplanationOfBenefit/nothing');
    const withheld = await read('ExplanationOfBenefit/opioids');
    expect(withheld.body.toString().replaceAll('opioids', 'ID')).toBe(
      unknown.body.toString().replaceAll('nothing', 'ID'),
    );
    expect(await explained()).toEqual({
      resources: 2,
      labels: { 'http://terminology.hl7.org/CodeSystem/v3-ActCode|42CFRPart2': 2 },
      tags: {
        'ICD-10 F10.20, list 2026-08-22, 42 CFR Part 2': 1,
        'ICD-10 F11.20, list 2026-08-22, 42 CFR Part 2': 1,
      },
    });
  });

  test('R15 the report of feeds names the codes that withhold what the payer sends', async () => {
    interface Report {
      readonly feeds: readonly { type: string; withheldTags: readonly { tag: string; count: number }[] }[];
    }
    await eventually(async () => {
      const { administratorToken: token, base } = fresh.platform();
      const { feeds } = json<Report>(await http(`${base}/ops/feeds`, { token }));
      expect(feeds.flatMap(({ type, withheldTags }) => withheldTags.map((each) => ({ type, ...each })))).toEqual([
        { type: 'ExplanationOfBenefit', tag: 'ICD-10 F10.20, list 2026-08-22, 42 CFR Part 2', count: 1 },
        { type: 'ExplanationOfBenefit', tag: 'ICD-10 F11.20, list 2026-08-22, 42 CFR Part 2', count: 1 },
      ]);
    });
  });

  test('R15 a new list holds from the start that brings it, for stored data and for files', async () => {
    const token = await app.tokens.get();
    const group = await findGroup(fresh.platform(), token, NPI);
    status = await kickOff(fresh.platform(), token, group.id, '?_type=ExplanationOfBenefit');
    expect(idsOf(await texts(await sealed(status, token), token))).toEqual(['asthma', 'plain']);
    list('State 2026', 'J45.909');
    // The view of what left follows the audit, and the answer of a download does not wait for it.
    await eventually(async () => {
      const { earlierReleases } = await simulate();
      expect(earlierReleases.filter(({ job }) => job !== undefined && status.endsWith(job))).not.toEqual([]);
    });
    const simulated = await simulate();
    expect(simulated).toMatchObject({
      ...{ resources: 5, members: 1, withheld: 1, released: 0, lines: 0 },
      byType: { ExplanationOfBenefit: { withheld: 1, released: 0, lines: 0 } },
      byProvider: { [`npi|${NPI}`]: { withheld: 1, released: 0, lines: 0 } },
      byTag: { 'ICD-10 J45.909, list State 2026, State law 12.3': 1 },
      more: false,
    });
    // What the app has read and downloaded until now, and nothing of another app.
    expect(new Set(simulated.earlierReleases.map(({ client }) => client))).toEqual(new Set([app.clientId]));
    const actions = new Set(simulated.earlierReleases.map(({ action }) => action));
    expect([...actions].toSorted()).toEqual(expect.arrayContaining(['download', 'read', 'search']));
    expect(simulated.earlierReleases.every(({ members }) => members === 1)).toBe(true);
    // A download names its job and its file.
    const downloads = simulated.earlierReleases.filter(({ action }) => action === 'download');
    expect(downloads.every(({ job, file }) => job !== undefined && file !== undefined)).toBe(true);
    await fresh.restart('stop');
    // Whether or not stored data are tagged again already.
    expect(await seen()).toEqual(everywhere('plain'));
    const later = await app.tokens.get();
    expect(idsOf(await texts(await sealed(status, later), later))).toEqual(['plain']);
    expect(await explained()).toMatchObject({ resources: 3, labels: { [STATE]: 1 } });
    await eventually(async () => {
      const views = await http(`${fresh.platform().base}/ops/views/resources`, {
        token: fresh.platform().administratorToken,
      });
      const { views: all } = json<{ views: { view: string; previous?: number; rebuilding?: object }[] }>(views);
      for (const name of ['resources_search', 'resources_records'])
        expect(all.find(({ view }) => view.startsWith(name))).toMatchObject({ previous: 1 });
    });
    expect(await seen()).toEqual(everywhere('plain'));
  });

  test('R15 what a newer list no longer names comes back', async () => {
    list('State 2027', 'I10');
    await fresh.restart('stop');
    expect(await seen()).toEqual(everywhere('asthma'));
    expect(await explained()).toMatchObject({
      tags: { 'ICD-10 I10, list State 2027, State law 12.3': 1, 'ICD-10 F11.20, list 2026-08-22, 42 CFR Part 2': 1 },
    });
  });

  test('R15 of a mixed claim the policy withholds the claim or the line, also in files of before', async () => {
    const exportAll = async (): Promise<{ status: string; text: string }> => {
      const token = await app.tokens.get();
      const group = await findGroup(fresh.platform(), token, NPI);
      const job = await kickOff(fresh.platform(), token, group.id, '?_type=ExplanationOfBenefit');
      return { status: job, text: [...(await texts(await sealed(job, token), token)).values()].join('\n') };
    };
    const tells = /H0020|methadone|2025-02-02/;
    await publishTaken(fresh.platform(), ...memberOf(M, { npi: NPI }, MIXED));
    await eventually(async () => expect(await explained()).toMatchObject({ labels: { [PART_2]: 3 } }));
    expect((await read('ExplanationOfBenefit/mixed')).status).toBe(404);

    const cut = async (total: number, ...codes: string[]): Promise<void> => {
      await eventually(async () => {
        const rest = await read('ExplanationOfBenefit/mixed');
        expect(rest.status).toBe(200);
        const { item } = json<{ item: { productOrService: { coding: { code: string }[] } }[] }>(rest);
        expect(item.map(({ productOrService: { coding } }) => coding[0]!.code)).toEqual(codes);
        expect(rest.body.toString()).not.toMatch(tells);
      });
      await eventually(async () => {
        const found = await read(`ExplanationOfBenefit?patient=${M}`);
        expect(json(found)).toMatchObject({ total });
        expect(found.body.toString()).not.toMatch(/H0020|methadone/);
      });
    };
    policy('withhold line');
    await fresh.restart('stop');
    await cut(2, '99213', 'T2000');
    const before = await exportAll();
    expect(before.text).toMatch(/"mixed".*T2000/);
    expect(before.text).not.toMatch(/H0020|methadone/);
    expect(await explained()).toMatchObject({
      labels: { [PART_2]: 2 },
      lines: { 'HCPCS H0020, list 2026-08-22, 42 CFR Part 2 (line)': 1 },
    });

    // A list that comes later takes another line. The file of before has it, so its claim is left out.
    list('State 2028', 'Z99.9');
    expect(await simulate()).toMatchObject({
      ...{ withheld: 0, lines: 1, byTag: { 'ICD-10 Z99.9, list State 2028, State law 12.3 (line)': 1 } },
    });
    await fresh.restart('stop');
    const token = await app.tokens.get();
    const old = async (): Promise<string> =>
      [...(await texts(await sealed(before.status, token), token)).values()].join('\n');
    expect(await old()).not.toMatch(/"mixed"|T2000/);
    // The claim that the list no longer names is back.
    await cut(3, '99213');
    expect(await old()).not.toMatch(/"mixed"|T2000/);
    expect((await exportAll()).text).toMatch(/"mixed"/);
  });
});

const idsOf = (files: ReadonlyMap<string, string>): string[] =>
  [...files.values()]
    .flatMap((text) => text.trim().split('\n'))
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { id: string }).id)
    .toSorted();
