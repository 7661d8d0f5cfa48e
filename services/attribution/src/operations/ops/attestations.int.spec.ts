import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataOf, type Disclosure, PA_ATTESTATIONS, PA_AUDIT } from '@provider-access/events';
import { TransactionTimes } from '@provider-access/engines/state';
import { instant } from '@provider-access/kernel';
import { attestedRecord, membersMatchedRecord, recordsOf } from '@provider-access/process/testing';
import { ADMIN, enrolled, Harness, inNetwork, PAYER, payerEvent } from '../../../test/harness.ts';

const DAY = 24 * 3_600_000;
const [NPI, OTHER] = ['1234567893', '1245319599'];
const admin = { authorization: `Bearer ${ADMIN}` };

let h: Harness;
beforeEach(async () => {
  h = new Harness();
  await h.start();
  await h.publish(inNetwork(NPI), enrolled('m1'), enrolled('m2'));
  await h.app1('ehr', [`npi|${NPI}`]);
  await matched('match-1', ['m1', 'm2']);
  await h.advance(1000);
  await matched('match-2', ['m1'], OTHER, 'other');
});
afterEach(() => h.stop());

async function matched(group: string, members: readonly string[], npi = NPI, client = 'ehr'): Promise<void> {
  const [from, to] = [instant(h.now), instant(h.now + 30 * DAY)];
  const common = { group, client, from, to, policy: 'accept/2026-01-01', job: `job-${group}` };
  await h.attests(
    ...members.map((member) => attestedRecord({ ...common, member, npi, attestedAt: from })),
    membersMatchedRecord({ ...common, npis: [npi], submitted: 5, matched: members.length }),
  );
}
interface Row {
  readonly member: string;
  readonly group: string;
  readonly npi: string;
  readonly client: string;
  readonly ended?: { readonly reason: string; readonly note?: string; readonly by?: string };
}
async function ask<T>(url: string): Promise<T> {
  const answer = await h.get(url, admin);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<T>();
}
const rows = async (query = ''): Promise<readonly Row[]> =>
  (await ask<{ attestations: readonly Row[] }>(`/ops/attestations${query}`)).attestations;
const pairs = (all: readonly Row[]): readonly string[] => all.map(({ group, member }) => `${group}/${member}`);
const withdraw = (body: object) =>
  h.app.inject({
    method: 'POST',
    url: '/ops/attestations/withdrawals',
    headers: { ...admin, 'content-type': 'application/json' },
    payload: JSON.stringify(body),
  });
const decided = async (member: string, client = 'ehr') =>
  ask<{ decision: string; reason?: string; memberFacts: { attestations?: readonly object[] } }>(
    `/ops/explain?client=${client}&member=${member}`,
  );

describe('M78 the list of attestations', () => {
  it('says who attested whom, when, for which app, and by which policy, the newest first', async () => {
    const all = await rows();
    expect(pairs(all)[0]).toBe('match-2/m1');
    expect(pairs(all).toSorted()).toEqual(['match-1/m1', 'match-1/m2', 'match-2/m1']);
    expect(all[0]).toMatchObject({
      npi: OTHER,
      client: 'other',
      attestedAt: instant(h.now),
      policy: 'accept/2026-01-01',
      job: 'job-match-2',
      to: instant(h.now + 30 * DAY),
    });
  });
  it.each([
    ['?group=match-1', ['match-1/m1', 'match-1/m2']],
    ['?member=m1', ['match-2/m1', 'match-1/m1']],
    [`?npi=${OTHER}`, ['match-2/m1']],
    ['?client=ehr', ['match-1/m1', 'match-1/m2']],
    ['?client=nobody', []],
  ])('of %s', async (query, expected) => {
    expect(pairs(await rows(query)).toSorted()).toEqual(expected.toSorted());
  });
  it('comes in pages', async () => {
    const found: Row[] = [];
    let next: string | undefined = '/ops/attestations?limit=1';
    for (let n = 0; next !== undefined && n < 9; n++) {
      const page: { attestations: readonly Row[]; next?: string } = await ask(next);
      expect(page.attestations.length).toBeLessThanOrEqual(1);
      found.push(...page.attestations);
      next = page.next;
    }
    expect(pairs(found)).toEqual(pairs(await rows()));
  });
  it('says how many of the submitted patients matched, for each provider', async () => {
    const { matches } = await ask<{ matches: readonly object[] }>('/ops/attestations/matches');
    expect(matches).toMatchObject([
      { group: 'match-2', client: 'other', npis: [OTHER], submitted: 5, matched: 1 },
      { group: 'match-1', client: 'ehr', npis: [NPI], submitted: 5, matched: 2 },
    ]);
  });
  it.each(['?npi=123', '?group=a/b', '?limit=0', '?page=x', '?group=g&member=m', '?what=x'])(
    'refuses %s',
    async (query) => {
      expect((await h.get(`/ops/attestations${query}`, admin)).statusCode).toBe(400);
    },
  );
  it('is for an administrator alone', async () => {
    for (const [url, method] of [
      ['/ops/attestations', 'GET'],
      ['/ops/attestations/matches', 'GET'],
      ['/ops/attestations/withdrawals', 'POST'],
    ] as const)
      for (const headers of [{}, { authorization: `Bearer ${PAYER}` }, await h.token('ehr')]) {
        const answer = await h.app.inject({ method, url, headers });
        expect([401, 403]).toContain(answer.statusCode);
      }
  });
});

describe('M78 M73 a withdrawal by the payer', () => {
  it('closes what one match opened of one member, and says so', async () => {
    expect(await decided('m1')).toMatchObject({ decision: 'permit' });
    const answer = await withdraw({ group: 'match-1', member: 'm1', reason: 'never a patient', by: 'operator-1' });
    expect([answer.statusCode, answer.json()]).toEqual([200, { withdrawn: 1, effective: true }]);
    expect(await decided('m1')).toMatchObject({ decision: 'deny', reason: 'not-attributed' });
    expect(await decided('m2')).toMatchObject({ decision: 'permit' });
    const row = (await rows('?group=match-1')).find(({ member }) => member === 'm1');
    expect(row?.ended).toMatchObject({ reason: 'withdrawn', note: 'never a patient', by: 'operator-1' });
    const entries = (await recordsOf(h.log, PA_AUDIT)).map((record) => dataOf<Disclosure>(record));
    expect(entries.some(({ action, members }) => action === 'explain' && members.includes('m1'))).toBe(true);
  });
  it('closes a whole Group, or everything of a member', async () => {
    expect((await withdraw({ group: 'match-1', reason: 'x' })).json()).toEqual({ withdrawn: 2, effective: true });
    expect(await decided('m2')).toMatchObject({ decision: 'deny' });
    expect((await withdraw({ member: 'm1', reason: 'x' })).json()).toEqual({ withdrawn: 1, effective: true });
    expect((await rows()).every(({ ended }) => ended?.reason === 'withdrawn')).toBe(true);
  });
  it('counts as recorded no earlier than the newest export (ADR 0023)', async () => {
    const ahead = h.now + 60_000;
    await new TransactionTimes(h.state.streams).raise(ahead);
    await withdraw({ group: 'match-1', member: 'm1', reason: 'x' });
    const [end] = (await recordsOf(h.log, PA_ATTESTATIONS)).filter(
      ({ headers }) => headers['ce_type'] === 'pa.attestation-ended.v1',
    );
    expect(end!.headers['ce_parecordedat']).toBe(instant(ahead));
  });
  it('of one app leaves what another one got', async () => {
    expect((await withdraw({ member: 'm1', client: 'other', reason: 'x' })).json()).toMatchObject({ withdrawn: 1 });
    expect(await decided('m1')).toMatchObject({ decision: 'permit' });
  });
  it('changes nothing a second time, or for what nobody attested', async () => {
    await withdraw({ group: 'match-1', reason: 'x' });
    expect((await withdraw({ group: 'match-1', reason: 'y' })).json()).toMatchObject({ withdrawn: 0 });
    expect((await withdraw({ group: 'nothing', reason: 'x' })).json()).toMatchObject({ withdrawn: 0 });
  });
  it.each([
    {},
    { reason: 'x' },
    { group: 'match-1' },
    { group: 'match-1', reason: ' ' },
    { group: 'a/b', reason: 'x' },
  ])('refuses %j', async (body) => expect((await withdraw(body)).statusCode).toBe(400));
});

describe('a merge', () => {
  it('gives the id that stays what was attested of the other one, and a withdrawal ends both', async () => {
    await h.publish(enrolled('m9'), payerEvent('payer.members-merged.v1', 'm9', { from: 'm2' }));
    await h.attests();
    expect(await decided('m9')).toMatchObject({ decision: 'permit' });
    expect(pairs(await rows('?member=m9'))).toEqual(['match-1/m9']);
    expect((await withdraw({ group: 'match-1', reason: 'x' })).json()).toMatchObject({ withdrawn: 3 });
    expect(await decided('m9')).toMatchObject({ decision: 'deny' });
  });
  it('gives nothing that has ended', async () => {
    await withdraw({ group: 'match-1', reason: 'x' });
    await h.publish(enrolled('m9'), payerEvent('payer.members-merged.v1', 'm9', { from: 'm2' }));
    await h.attests();
    expect(await decided('m9')).toMatchObject({ decision: 'deny' });
  });
});

it('M37 explain says who attested, when, for which app, and by which policy', async () => {
  const { memberFacts } = await decided('m2');
  expect(memberFacts.attestations).toMatchObject([
    {
      provider: `npi|${NPI}`,
      policy: 'accept/2026-01-01',
      group: 'match-1',
      holds: true,
      ofClient: true,
      boundToClient: true,
      inNetwork: true,
    },
  ]);
  expect(await decided('m2', 'nobody')).toMatchObject({ decision: 'deny', reason: 'client-unknown' });
});
