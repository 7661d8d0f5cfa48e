import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { CARDIOLOGY, type ScopeRow, scopeTable, SURGERY, US } from '@provider-access/testing/promises';
import { type Fresh, freshPlatform, registerApp, type TestApp } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { findGroup, http, json, kickOff, payerEvent, sealed, tell, texts } from './road.ts';
import { LIMITS } from './world/context.ts';

/**
 * The truth table of PEOPLE.md for all five scopes (N2 to N7), by hand (tools/testing/src/promises/scopes.ts).
 * P is the attributed practice, in network,
 * cardiology, with its NPI and TIN joined in the directory. `other` is another practice to which the member is
 * attributed too. The gates here are read, search, page, Group, kick-off, download and explain. Those inside an export
 * (chunk, seal, download) are in `services/export/test/opt-out-scopes.int.spec.ts`.
 */
const P = { npi: npiOf(randomInt(1e8)), tin: String(randomInt(1e8, 1e9)) };
const OTHER = { npi: npiOf(randomInt(1e8)) };
const STRANGER = npiOf(randomInt(1e8));

/** A practice in the payer's directory: an Organization with its NPI, and a doctor with a specialty who works there. */
function directoryOf(name: string, { npi }: { readonly npi: string }, code: string): DomainEvent[] {
  const doctor = npiOf(randomInt(1e8));
  const identified = (value: string): object[] => [{ system: 'http://hl7.org/fhir/sid/us-npi', value }];
  const recorded = (resource: object): DomainEvent => payerEvent('payer.provider-recorded.v1', npi, { resource });
  return [
    recorded({
      resourceType: 'PractitionerRole',
      id: `role-${name}`,
      active: true,
      practitioner: { reference: `Practitioner/doctor-${name}` },
      organization: { reference: `Organization/practice-${name}` },
      specialty: [{ coding: [{ system: 'http://nucc.org/provider-taxonomy', code }] }],
    }),
    recorded({
      resourceType: 'Practitioner',
      id: `doctor-${name}`,
      identifier: identified(doctor),
      name: [{ family: 'Doe', given: ['Jo'] }],
    }),
    recorded({ resourceType: 'Organization', id: `practice-${name}`, active: true, name, identifier: identified(npi) }),
  ];
}

type Row = ScopeRow;
const EFFECTIVE = { status: 'effective' };
const specific = (...targets: object[]): object => ({ scope: 'provider-specific', targets });
const ROWS = scopeTable({ p: P, other: OTHER, stranger: STRANGER });

describe('every scope of an opt-out', () => {
  let fresh: Fresh;
  let apps: Readonly<Record<'p' | 'other', TestApp>>;
  const memberOfRow = (at: number): string => `m-scope-${at}`;
  const answers: object[] = [];
  /** Of each app, from before the statements: an export with its files, and the link to each member's second page. */
  const before: Record<'p' | 'other', { readonly status: string; readonly pages: readonly string[] }> = {
    p: { status: '', pages: [] },
    other: { status: '', pages: [] },
  };

  const read = async (app: TestApp, path: string) =>
    http(`${fresh.platform().base}/fhir/${path}`, { token: await app.tokens.get() });
  const answered = async (event: DomainEvent): Promise<object> => {
    const { index: _, receipt: __, id: ___, ...answer } = await tell(fresh.platform(), event);
    return answer;
  };
  const out = (member: string, { data, type = 'payer.member-opted-out.v2' }: Pick<Row, 'data' | 'type'>) =>
    payerEvent(type, member, data);

  beforeAll(async () => {
    fresh = await freshPlatform({ env: { ...LIMITS, PAYER_IDENTIFIERS: US } });
    for (const practice of [P, OTHER])
      await publishTaken(
        fresh.platform(),
        payerEvent('payer.network-status-changed.v1', practice.npi, {
          ...practice,
          status: 'in-network',
          from: '2020-01-01',
        }),
      );
    await publishTaken(fresh.platform(), ...directoryOf('p', P, CARDIOLOGY), ...directoryOf('other', OTHER, SURGERY));
    apps = {
      p: await registerApp(fresh.platform(), { name: 'P', npi: P.npi }),
      other: await registerApp(fresh.platform(), { name: 'Other', npi: OTHER.npi }),
    };
    await publishTaken(
      fresh.platform(),
      ...ROWS.flatMap((_, at) => [
        ...memberOf(
          memberOfRow(at),
          { npi: P.npi },
          ...['a', 'b'].map((id) => ({
            resource: {
              resourceType: 'Condition',
              id: `${memberOfRow(at)}-${id}`,
              code: { text: 'asthma' },
              subject: { reference: `Patient/${memberOfRow(at)}` },
            },
          })),
        ),
        payerEvent('payer.attribution-asserted.v1', memberOfRow(at), { provider: OTHER, from: '2020-01-01' }),
      ]),
    );
    const last = memberOfRow(ROWS.length - 1);
    for (const app of Object.values(apps))
      await eventually(async () => expect((await read(app, `Patient/${last}`)).status).toBe(200));
    const conditions = (member: string): string => `Condition?patient=${member}&_count=1`;
    for (const [name, practice] of [
      ['p', P],
      ['other', OTHER],
    ] as const) {
      const [app, token] = [apps[name], await apps[name].tokens.get()];
      await eventually(async () =>
        expect(json<{ entry?: unknown[] }>(await read(app, conditions(last))).entry?.length).toBe(1),
      );
      const { id } = await findGroup(fresh.platform(), token, practice.npi);
      const status = await kickOff(fresh.platform(), token, id, '?_type=Patient');
      await sealed(status, token);
      const pages: string[] = [];
      for (const [at] of ROWS.entries()) {
        const { link } = json<{ link: { relation: string; url: string }[] }>(
          await read(app, conditions(memberOfRow(at))),
        );
        pages.push(link.find(({ relation }) => relation === 'next')!.url);
      }
      before[name] = { status, pages };
    }
    for (const [at, row] of ROWS.entries())
      answers.push(row.type === 'none' ? {} : await answered(out(memberOfRow(at), row)));
  });
  afterAll(() => fresh?.dispose());

  test.each(ROWS.map((row, at) => ({ ...row, at })))('$what', async ({ at, p, other, type, answer = EFFECTIVE }) => {
    if (type !== 'none') expect(answers[at]).toEqual(answer);
    const member = memberOfRow(at);
    for (const [app, verdict] of [[apps.p, p] as const, [apps.other, other] as const]) {
      const refused = await read(app, 'Patient/m-unknown');
      const direct = await read(app, `Patient/${member}`);
      expect(direct.status).toBe(verdict === 'permit' ? 200 : 404);
      // N11: nothing that an app gets tells an opted-out member, and its scope, from nobody.
      if (verdict === 'deny')
        expect(direct.body.toString().replaceAll(member, 'ID')).toBe(
          refused.body.toString().replaceAll('m-unknown', 'ID'),
        );
      const found = json<{ total?: number; entry?: unknown[] }>(await read(app, `Patient?_id=${member}`));
      expect(found.entry?.length ?? 0).toBe(verdict === 'permit' ? 1 : 0);
    }
    const explained = json<{ decision: string; reason?: string }>(
      await http(`${fresh.platform().base}/ops/explain?client=${apps.p.clientId}&member=${member}`, {
        token: fresh.platform().administratorToken,
      }),
    );
    expect([explained.decision, explained.reason]).toEqual(
      p === 'permit' ? ['permit', undefined] : ['deny', 'opted-out'],
    );
  });

  test('a page link from before the statement leads to what the table permits', async () => {
    for (const name of ['p', 'other'] as const) {
      const token = await apps[name].tokens.get();
      for (const [at, row] of ROWS.entries()) {
        const { entry = [] } = json<{ entry?: unknown[] }>(await http(before[name].pages[at]!, { token }));
        expect([row.what, name, entry.length]).toEqual([row.what, name, row[name] === 'permit' ? 1 : 0]);
      }
    }
  });

  test('a download of files from before the statements has exactly the members whom the table permits', async () => {
    for (const name of ['p', 'other'] as const) {
      const token = await apps[name].tokens.get();
      const files = await texts(await sealed(before[name].status, token), token);
      const ids = [...files.values()].flatMap((text) => text.trim().split('\n'));
      expect(ids.map((line) => (JSON.parse(line) as { id: string }).id).toSorted()).toEqual(
        ROWS.flatMap((row, at) => (row[name] === 'permit' ? [memberOfRow(at)] : [])).toSorted(),
      );
    }
  });

  test('a Group, and an export that is kicked off now, have exactly the members whom the table permits', async () => {
    for (const [app, practice, verdictOf] of [
      [apps.p, P, (row: Row) => row.p],
      [apps.other, OTHER, (row: Row) => row.other],
    ] as const) {
      const permitted = ROWS.flatMap((row, at) => (verdictOf(row) === 'permit' ? [memberOfRow(at)] : [])).toSorted();
      const token = await app.tokens.get();
      const { id } = await findGroup(fresh.platform(), token, practice.npi);
      const { member = [] } = json<{ member?: { entity: { reference: string } }[] }>(await read(app, `Group/${id}`));
      expect(member.map(({ entity }) => entity.reference.replace('Patient/', '')).toSorted()).toEqual(permitted);
      const files = await texts(
        await sealed(await kickOff(fresh.platform(), token, id, '?_type=Patient'), token),
        token,
      );
      const exported = [...files.values()].flatMap((text) => text.trim().split('\n'));
      expect(exported.map((line) => (JSON.parse(line) as { id: string }).id).toSorted()).toEqual(permitted);
    }
  });

  test('N10 an opt-in for one practice ends what names it, and says what stands against it otherwise', async () => {
    const at = ROWS.findIndex(({ what }) => what === 'N2 this practice by NPI');
    const back = payerEvent('payer.member-opted-in.v2', memberOfRow(at), specific({ npi: P.npi }));
    expect(await answered(back)).toEqual(EFFECTIVE);
    expect((await read(apps.p, `Patient/${memberOfRow(at)}`)).status).toBe(200);
    const all = ROWS.findIndex(({ what }) => what === 'N2 global');
    const late = payerEvent('payer.member-opted-in.v2', memberOfRow(all), specific({ npi: P.npi }));
    expect(await answered(late)).toMatchObject({ status: 'superseded' });
    for (const app of Object.values(apps)) expect((await read(app, `Patient/${memberOfRow(all)}`)).status).toBe(404);
    expect(await answered(payerEvent('payer.member-opted-in.v2', memberOfRow(all), {}))).toEqual(EFFECTIVE);
    for (const app of Object.values(apps)) expect((await read(app, `Patient/${memberOfRow(all)}`)).status).toBe(200);
  });

  test('N2 a scope that does not exist denies; N9 an opt-in by a representative needs a proof', async () => {
    const at = ROWS.findIndex(({ type }) => type === 'none');
    const member = memberOfRow(at);
    const parked = await answered(out(member, { data: { scope: 'family' } }));
    expect(parked).toMatchObject({ status: 'parked', denies: 'member' });
    expect((await read(apps.p, `Patient/${member}`)).status).toBe(404);
    // N3, N4: a list that is too long is not fully understood.
    const targets = Array.from({ length: 10_000 }, () => ({ npi: '1992999825' }));
    const long = await answered(out(member, { data: { scope: 'provider-specific', targets } }));
    expect(long).toMatchObject({ status: 'parked', denies: 'member' });
    const by = { setBy: 'personal-representative' };
    expect(await answered(payerEvent('payer.member-opted-in.v2', member, by))).toMatchObject({ status: 'parked' });
    const proof = { kind: 'power-of-attorney', reference: 'case 4711', verifiedBy: 'call centre' };
    const ended = { ...by, proof: { ...proof, until: '2020-12-31' } };
    expect(await answered(payerEvent('payer.member-opted-in.v2', member, ended))).toMatchObject({ status: 'parked' });
    expect(await answered(payerEvent('payer.member-opted-in.v2', member, { ...by, proof }))).toMatchObject({
      status: 'held',
    });
  });
});
