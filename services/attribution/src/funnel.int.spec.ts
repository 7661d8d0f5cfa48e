import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataOf, type Disclosure, encodeEvent, PA_AUDIT } from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import { attestedRecord, membersMatchedRecord, recordsOf } from '@provider-access/process/testing';
import { ADMIN, attributed, enrolled, Harness, inNetwork, NPI, OTHER_NPI, payerEvent } from '../test/harness.ts';

interface Step {
  readonly step: string;
  readonly members: number;
  readonly lost: Readonly<Record<string, number>>;
}
interface Funnel {
  readonly providers: readonly string[];
  readonly apps: readonly { readonly client: string; readonly status: string }[];
  readonly steps: readonly Step[];
  readonly members?: readonly { readonly member: string; readonly reason?: string; readonly exported?: true }[];
  readonly lastExport?: string;
  readonly next?: string;
}

const admin = { authorization: `Bearer ${ADMIN}` };
const TO = { provider: { npi: NPI }, to: '2025-02-01' };
let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
});
afterEach(() => h.stop());

async function groupOf(npi: string): Promise<string> {
  const { lists } = (await h.get('/ops/lists', admin)).json<{ lists: { group: string; providers: string[] }[] }>();
  return lists.find(({ providers }) => providers.includes(`npi|${npi}`))!.group;
}
async function asked(path: string): Promise<Funnel> {
  const answer = await h.get(path, admin);
  expect([answer.statusCode, answer.body]).toEqual([200, expect.any(String)]);
  return answer.json<Funnel>();
}
const funnel = (group: string, query = ''): Promise<Funnel> => asked(`/ops/lists/${group}/funnel${query}`);
const counts = ({ steps }: Funnel): Record<string, number> =>
  Object.fromEntries(steps.map(({ step, members }) => [step, members]));
const lost = ({ steps }: Funnel): Record<string, number> => Object.assign({}, ...steps.map((one) => one.lost));

/** One member for each thing that goes wrong, and two who are visible. */
async function practice(): Promise<string> {
  const attributedOnly = ['gone', 'out', 'uncovered', 'held'];
  await h.publish(inNetwork(), ...['a', 'b', 'gone', 'out', 'held'].map(enrolled));
  await h.publish(...['a', 'b', ...attributedOnly].map((member) => attributed(member)));
  await h.publish(payerEvent('payer.attribution-ended.v1', 'gone', TO));
  await h.consentSays('pa.opted-out.v1', 'out', {
    ...{ scope: 'global', targets: [], setBy: 'member' },
    ...{ effective: instant(h.now), businessTime: instant(h.now) },
  });
  const about = { source: 'urn:payer', deadLetter: 'd1', eventType: 'payer.member-opted-out.v1' };
  await h.consentSays('pa.access-held.v1', 'held', about);
  return groupOf(NPI);
}

describe('why is this Group empty?', () => {
  it('loses each member at the step of the decision that denies it', async () => {
    const group = await practice();
    const found = await funnel(group);
    expect(counts(found)).toEqual({
      ...{ listed: 6, app: 6, 'not-held': 5, attributed: 4, 'not-opted-out': 3, covered: 2 },
      ...{ 'line-started': 2, notified: 2, 'in-network': 2, exported: 0 },
    });
    expect(lost(found)).toEqual({ 'on-hold': 1, 'not-attributed': 1, 'opted-out': 1, 'not-covered': 1, waiting: 2 });
    // Members are named only when somebody asks for them.
    expect(found.members).toBeUndefined();
    expect(JSON.stringify(found)).not.toContain('uncovered');
  });

  it('names who was lost at a step, each with the reason, and the audit names them before', async () => {
    const group = await practice();
    const { members } = await funnel(group, '?step=not-opted-out');
    expect(members).toEqual([{ member: 'out', reason: 'opted-out' }]);
    const all = await funnel(group, '?step=listed');
    expect(all.members).toEqual([
      { member: 'a' },
      { member: 'b' },
      { member: 'gone', reason: 'not-attributed' },
      { member: 'held', reason: 'on-hold' },
      { member: 'out', reason: 'opted-out' },
      { member: 'uncovered', reason: 'not-covered' },
    ]);
    const looks = (await recordsOf(h.log, PA_AUDIT))
      .map((record) => dataOf<Disclosure>(record))
      .filter(({ operation }) => operation === 'GET /ops/lists/{group}/funnel');
    expect(looks.map(({ action, outcome, members: named }) => [action, outcome, named])).toEqual([
      ['explain', 'released', ['out']],
      ['explain', 'released', ['a', 'b', 'gone', 'held', 'out', 'uncovered']],
    ]);
  });

  it('loses everybody where the provider has left the network, and where no app is bound', async () => {
    const group = await practice();
    expect((await funnel(group)).apps).toEqual([]);
    await h.app1('c1', [`npi|${NPI}`]);
    expect((await funnel(group)).apps).toEqual([{ client: 'c1', name: 'c1', status: 'approved' }]);
    await h.publish(
      payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'out-of-network', from: '2025-06-01' }),
    );
    const found = await funnel(group);
    expect([counts(found)['notified'], counts(found)['in-network']]).toEqual([2, 0]);
    expect(lost(found)).toMatchObject({ 'not-in-network': 2 });
  });

  it('decides for one app as the app is decided for', async () => {
    const group = await practice();
    await h.app1('c1', [`npi|${NPI}`]);
    await h.app1('c2', [`npi|${OTHER_NPI}`]);
    expect(counts(await funnel(group, '?client=c1'))['in-network']).toBe(2);
    const other = await funnel(group, '?client=c2');
    expect(counts(other)).toMatchObject({ listed: 6, app: 6, 'not-held': 5, attributed: 0 });
    const nobody = await funnel(group, '?client=nobody');
    expect([counts(nobody), lost(nobody)]).toMatchObject([{ listed: 6, app: 0 }, { 'client-unknown': 6 }]);
  });

  it('decides for the app of a matched Group, by what providers attest', async () => {
    await practice();
    await h.app1('ehr', [`npi|${NPI}`]);
    const [from, to] = [instant(h.now), instant(h.now + 30 * 86_400_000)];
    const common = { group: 'g-match', client: 'ehr', from, to, policy: 'accept/2026-01-01', job: 'j1' };
    await h.attests(
      ...['a', 'out', 'uncovered'].map((member) => attestedRecord({ ...common, member, npi: NPI, attestedAt: from })),
      membersMatchedRecord({ ...common, npis: [NPI], submitted: 5, matched: 3 }),
    );
    const found = await funnel('g-match');
    expect(found).toMatchObject({ providers: [`npi|${NPI}`], apps: [{ client: 'ehr' }] });
    expect(counts(found)).toMatchObject({ listed: 3, attributed: 3, 'not-opted-out': 2, covered: 1, 'in-network': 1 });
    expect((await funnel('g-match', '?step=covered')).members).toEqual([
      { member: 'uncovered', reason: 'not-covered' },
    ]);
    // Nobody attested for another app.
    await h.app1('c2', [`npi|${NPI}`]);
    expect(counts(await funnel('g-match', '?client=c2'))).toMatchObject({ app: 3, attributed: 0 });
  });

  it('knows whom an export has brought to an app, and when', async () => {
    const group = await practice();
    const at = instant(h.now);
    const data = {
      ...{ client: 'c1', action: 'download', outcome: 'released', members: ['a', 'gone'], resources: 4 },
      ...{ at, group, purpose: 'TREAT' },
    };
    const entry = { id: 'd-1', source: 'urn:test', type: 'pa.disclosure.v1', time: at, subject: 'd', data };
    await h.log.append(PA_AUDIT, [encodeEvent(entry)]);
    await expect.poll(async () => counts(await funnel(group))['exported']).toBe(1);
    const found = await funnel(group, '?step=exported');
    expect([found.lastExport, found.members]).toEqual([at, [{ member: 'b' }]]);
    expect((await funnel(group, '?step=listed')).members![0]).toEqual({ member: 'a', exported: true });
    expect(counts(await funnel(group, '?client=c2'))['exported'] ?? 0).toBe(0);
  });

  it('answers in pages of bounded work that add up', async () => {
    const members = Array.from({ length: 2100 }, (_, n) => `m-${String(n).padStart(4, '0')}`);
    await h.publish(inNetwork(), ...members.map((member) => attributed(member)));
    await h.publish(...members.slice(0, 5).map(enrolled));
    const group = await groupOf(NPI);
    const first = await funnel(group);
    const second = await asked(first.next!);
    expect([counts(first)['listed'], counts(second)['listed'], second.next]).toEqual([2000, 100, undefined]);
    expect([counts(first)['covered'], counts(second)['covered']]).toEqual([5, 0]);
    // A list has at most 200 names.
    const named = await funnel(group, '?step=covered');
    expect([named.members!.length, named.members![0]!.member]).toEqual([200, 'm-0005']);
    const more = await asked(named.next!);
    expect(more.members![0]!.member).toBe('m-0205');
  });

  it('answers 404 for a Group that does not exist, and 400 for what it cannot read', async () => {
    const group = await practice();
    const statusOf = async (path: string): Promise<number> => (await h.get(path, admin)).statusCode;
    expect(await statusOf('/ops/lists/nothing/funnel')).toBe(404);
    for (const query of ['?step=nothing', '?page=%20', '?page=a&page=b', '?client=', '?what=1'])
      expect([query, await statusOf(`/ops/lists/${group}/funnel${query}`)]).toEqual([query, 400]);
  });
});
