import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { type Fresh, freshPlatform, registerApp, type TestApp } from './harness.ts';
import { bundleOf, eventsOf, MATCH, PAYER, type Person, person, requestOf } from './match-request.ts';
import { publishTaken } from './payers.ts';
import { http, type HttpAnswer, json, kickOff, optOut, payerEvent, sealed, takesEffect, texts } from './road.ts';
import { LIMITS } from './world/context.ts';

/** A payer's member is attested by a provider to whom the payer attributes nobody. */
const NPI = npiOf(randomInt(1e8));
const OTHER = npiOf(randomInt(1e8));

const MATCHED = [person(0), person(1)];
const OPTED_OUT = person(2);
const UNKNOWN = { ...person(3), member: 'nobody', subscriber: 'SUB-999', family: 'Nobody' };

interface ResultGroup {
  readonly id: string;
  readonly code: { readonly coding: readonly [{ readonly code: string }] };
  readonly quantity: number;
  readonly contained?: readonly { readonly id: string; readonly name: unknown }[];
  readonly member?: readonly { readonly entity: { readonly reference: string } }[];
}

describe('$provider-member-match', () => {
  let fresh: Fresh;
  let app: TestApp;
  let other: TestApp;
  let status: string;
  let groups: readonly ResultGroup[];
  const read = async (of: TestApp, path: string): Promise<HttpAnswer> =>
    http(`${fresh.platform().base}/fhir/${path}`, { token: await of.tokens.get() });
  const match = async (of: TestApp, body: string): Promise<HttpAnswer> =>
    http(`${fresh.platform().base}/fhir/Group/$provider-member-match`, {
      method: 'POST',
      token: await of.tokens.get(),
      headers: { 'content-type': 'application/fhir+json', prefer: 'respond-async' },
      body,
    });
  const groupsOf = async (url: string): Promise<readonly ResultGroup[]> => {
    const token = await app.tokens.get();
    const files = await texts(await sealed(url, token), token);
    return [...files.values()]
      .flatMap((text) => text.trim().split('\n'))
      .map((line) => JSON.parse(line) as ResultGroup);
  };
  /** Whom the Patients and Conditions of an export of the matched Group are about. */
  const exported = async (): Promise<readonly string[]> => {
    const token = await app.tokens.get();
    const job = await kickOff(fresh.platform(), token, matched().id, '?_type=Patient,Condition');
    const files = await texts(await sealed(job, token), token);
    return [...files.values()]
      .flatMap((text) => text.trim().split('\n'))
      .map((line) => JSON.parse(line) as { id: string; subject?: { reference: string } })
      .map(({ id, subject }) => subject?.reference ?? `Patient/${id}`)
      .toSorted();
  };
  const byCode = (all: readonly ResultGroup[], code: string): ResultGroup | undefined =>
    all.find((group) => group.code.coding[0].code === code);
  const matched = (): ResultGroup => byCode(groups, 'match')!;

  beforeAll(async () => {
    fresh = await freshPlatform({ env: { ...LIMITS, PAYER_IDENTIFIERS: PAYER } });
    for (const npi of [NPI, OTHER])
      await publishTaken(
        fresh.platform(),
        payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
      );
    app = await registerApp(fresh.platform(), { name: 'EHR', npi: NPI, scope: `${MATCH} system/*.rs` });
    other = await registerApp(fresh.platform(), { name: 'Other', npi: OTHER });
    await publishTaken(fresh.platform(), ...[...MATCHED, OPTED_OUT].flatMap(eventsOf));
    await takesEffect(fresh.platform(), optOut(OPTED_OUT.member));
  });
  afterAll(() => fresh?.dispose());

  test('M1, M2: is accepted, and answers Groups as NDJSON', async () => {
    // Nobody is attributed to the provider, so the app sees nobody before.
    expect((await read(app, `Patient/${MATCHED[0]!.member}`)).status).toBe(404);
    const bundles = [...MATCHED, OPTED_OUT, UNKNOWN].map((one, at) => bundleOf(one, at + 1, NPI));
    const answer = await match(app, requestOf(...bundles));
    expect([answer.status, answer.body.toString()]).toEqual([202, expect.stringContaining('accepted')]);
    status = answer.headers['content-location'] as string;
    groups = await groupsOf(status);
    expect(groups.map((group) => [group.code.coding[0].code, group.quantity])).toEqual([
      ['match', 2],
      ['nomatch', 2],
    ]);
  });

  test('M51, M57: the matched Group names our members, and contains the submitted patients', () => {
    const { member, contained } = matched();
    expect(member!.map(({ entity }) => entity.reference)).toEqual(MATCHED.map((one) => `Patient/${one.member}`));
    expect(contained!.map(({ id }) => id)).toEqual(['p1', 'p2']);
  });

  test('M59: who opted out and who is unknown differ in nothing but the contained Patient', () => {
    const { member, contained } = byCode(groups, 'nomatch')!;
    const [optedOut, unknown] = member!.map((entry) => JSON.stringify(entry));
    expect(optedOut!.replaceAll('p3', 'ID')).toBe(unknown!.replaceAll('p4', 'ID'));
    expect(contained!.map(({ id }) => id)).toEqual(['p3', 'p4']);
    expect(JSON.stringify(groups)).not.toContain(OPTED_OUT.member);
  });

  test('M70: the app reads the members; another app gets what it gets of an unknown Group', async () => {
    const { id } = matched();
    expect((await read(app, `Patient/${MATCHED[0]!.member}`)).status).toBe(200);
    for (const path of ['Group/ID', 'Group/ID/$export', 'Group/ID/$davinci-data-export']) {
      const [foreign, unknown] = [
        await read(other, path.replace('ID', id)),
        await read(other, path.replace('ID', 'x')),
      ];
      expect([foreign.status, foreign.body.toString().replaceAll(id, 'x')]).toEqual([404, unknown.body.toString()]);
    }
    expect((await read(other, `Patient/${MATCHED[0]!.member}`)).status).toBe(404);
    const foreignStatus = await http(status, { token: await other.tokens.get() });
    expect(foreignStatus.status).toBe(404);
  });

  test('M70, M72, M75: the app reads, finds and exports the Group, without the submitted patients', async () => {
    const { id } = matched();
    const members = MATCHED.map((one) => `Patient/${one.member}`);
    const ofGroup = json<ResultGroup>(await read(app, `Group/${id}`));
    expect([ofGroup.quantity, ofGroup.member!.map(({ entity }) => entity.reference).toSorted()]).toEqual([2, members]);
    expect(ofGroup.contained).toBeUndefined();
    const found = json<{ entry: readonly { resource: ResultGroup }[] }>(await read(app, `Group?_id=${id}`));
    expect(found.entry.map(({ resource }) => resource.id)).toEqual([id]);
    expect(json<{ entry?: readonly unknown[] }>(await read(other, `Group?_id=${id}`)).entry).toBeUndefined();
    expect(await exported()).toEqual(members.flatMap((one) => [one, one]));
  });

  test('M78: explain says who attested, when and under which policy', async () => {
    const { base, administratorToken: token } = fresh.platform();
    const query = new URLSearchParams({ client: app.clientId, member: MATCHED[0]!.member }).toString();
    expect(json(await http(`${base}/ops/explain?${query}`, { token }))).toMatchObject({
      decision: 'permit',
      memberFacts: {
        attestations: [{ provider: `npi|${NPI}`, group: matched().id, ofClient: true, policy: expect.any(String) }],
      },
    });
    const listed = json<{ attestations: readonly object[] }>(
      await http(`${base}/ops/attestations?group=${matched().id}`, { token }),
    );
    expect(listed.attestations).toHaveLength(2);
  });

  test('M36, M37: accounting and recall name who attested, and the matched Group as the basis of a read', async () => {
    const { base, administratorToken: token } = fresh.platform();
    const { member } = MATCHED[0]!;
    interface Row {
      readonly id: string;
      readonly action: string;
      readonly outcome: string;
      readonly basis?: readonly string[];
      readonly recalled?: readonly string[];
    }
    const rows = async (action: string): Promise<readonly Row[]> =>
      json<{ disclosures: readonly Row[] }>(
        await http(`${base}/ops/disclosures?member=${member}`, { token }),
      ).disclosures.filter((one) => one.action === action && one.outcome === 'released');
    // The view of the audit writes in batches.
    const [read] = await eventually(async () => {
      const found = await rows('read');
      return found.length > 0 && found;
    });
    expect(read).toMatchObject({ client: app.clientId, basis: [matched().id] });
    const attested = { client: app.clientId, group: matched().id, outcome: 'released' };
    expect(await rows('export-requested')).toContainEqual(
      expect.objectContaining({
        ...attested,
        query: expect.stringMatching(new RegExp(`^attested-by=${NPI}&attested-at=\\d{4}-.*&policy=accept`)),
      }),
    );
    const page = await http(`${base}/ops/disclosures/document?member=${member}`, { token });
    expect(page.body.toString()).toContain(NPI);
    const marked = await http(`${base}/ops/disclosures/recalls`, {
      method: 'POST',
      token,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ recall: 'recall.match', members: [{ member, entries: [read!.id] }] }),
    });
    expect([marked.status, json(marked)]).toEqual([200, { recall: 'recall.match', marked: 1 }]);
    await eventually(async () =>
      expect((await rows('read')).find(({ id }) => id === read!.id)).toMatchObject({
        recalled: ['recall.match'],
        basis: [matched().id],
      }),
    );
  });

  test('M73: an opt-out removes the member from reads, the Group, an export and the file of the match', async () => {
    const [gone, stays] = MATCHED as [Person, Person];
    await takesEffect(fresh.platform(), optOut(gone.member));
    expect((await read(app, `Patient/${gone.member}`)).status).toBe(404);
    const ofGroup = json<ResultGroup>(await read(app, `Group/${matched().id}`));
    expect([ofGroup.quantity, ofGroup.member!.map(({ entity }) => entity.reference)]).toEqual([
      1,
      [`Patient/${stays.member}`],
    ]);
    expect(new Set(await exported())).toEqual(new Set([`Patient/${stays.member}`]));
    const left = byCode(await groupsOf(status), 'match')!;
    expect([left.quantity, left.contained!.map(({ id }) => id)]).toEqual([1, ['p2']]);
    expect(JSON.stringify(left)).not.toContain(gone.member);
  });

  test('M19: an attestation that was entered in error ends what it opened', async () => {
    const [, stays] = MATCHED as [Person, Person];
    const answer = await match(app, requestOf(bundleOf(stays, 1, NPI, 'entered-in-error')));
    expect(answer.status).toBe(202);
    await groupsOf(answer.headers['content-location'] as string);
    await eventually(async () => expect((await read(app, `Patient/${stays.member}`)).status).toBe(404));
  });

  test('M1: another method is 405; the operation of an instance or of the system does not exist', async () => {
    const token = await app.tokens.get();
    const base = `${fresh.platform().base}/fhir`;
    const answers = await Promise.all([
      http(`${base}/Group/$provider-member-match`, { token }),
      http(`${base}/Group/x/$provider-member-match`, { token, method: 'POST' }),
      http(`${base}/$provider-member-match`, { token, method: 'POST' }),
    ]);
    expect(answers.map((one) => one.status)).toEqual([405, 404, 404]);
  });
});
