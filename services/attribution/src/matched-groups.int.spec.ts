import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  dataOf,
  type Disclosure,
  encodeEvent,
  PA_AUDIT,
  PAYER_PROVIDER_EVENTS,
  type ProviderKey,
} from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import {
  appendFacts,
  approval,
  attestationEndedRecord,
  attestedRecord,
  membersMatchedRecord,
  recordsOf,
} from '@provider-access/process/testing';
import { attributed, enrolled, Harness, inNetwork, OTHER_NPI, payerEvent } from '../test/harness.ts';

const DAY = 24 * 3_600_000;
const GROUP = 'match-1';
/** With a valid check digit, because the directory is asked about it. */
const NPI = '1234567893';
const MATCH_PROFILE = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/pdex-provider-member-match';

type Headers = { authorization: string };
interface GroupJson {
  readonly id: string;
  readonly meta: { readonly profile?: readonly string[]; readonly versionId: string };
  readonly quantity: number;
  readonly member?: readonly { readonly entity: { readonly reference: string } }[];
}

let h: Harness;
beforeEach(async () => {
  h = new Harness();
  await h.start();
  // m1 and m2 are not attributed to anybody. m3 is, to the same provider.
  await h.publish(inNetwork(NPI), inNetwork(OTHER_NPI), enrolled('m1'), enrolled('m2'));
  await h.publish(enrolled('m3'), attributed('m3', NPI));
});
afterEach(() => h.stop());

/** What a match of an app appends: its members, and the result. */
async function matched(client: string, group = GROUP, members: readonly string[] = ['m1', 'm2'], npi = NPI) {
  const [from, to] = [instant(h.now), instant(h.now + 30 * DAY)];
  const common = { group, client, from, to, policy: 'accept/2026-01-01', job: `job-${group}` };
  await h.attests(
    ...members.map((member) => attestedRecord({ ...common, member, npi, attestedAt: from })),
    membersMatchedRecord({ ...common, npis: [npi], submitted: 3, matched: members.length }),
  );
}
const ends = (member: string, group = GROUP, client = 'ehr') =>
  h.attests(attestationEndedRecord({ member, group, client, reason: 'entered-in-error', at: instant(h.now) }));
const app = (client: string, npi = NPI): Promise<Headers> => h.app1(client, [`npi|${npi}`]);
const read = (by: Headers, path = `/fhir/Group/${GROUP}`) => h.get(path, by);
async function group(by: Headers, path?: string): Promise<GroupJson> {
  const answer = await read(by, path);
  expect(answer.statusCode, answer.body).toBe(200);
  return answer.json<GroupJson>();
}
const membersOf = ({ member = [] }: GroupJson): readonly string[] => member.map(({ entity }) => entity.reference);
const found = async (by: Headers, query = ''): Promise<readonly GroupJson[]> =>
  ((await group(by, `/fhir/Group${query}`)) as unknown as { entry?: { resource: GroupJson }[] }).entry?.map(
    ({ resource }) => resource,
  ) ?? [];

describe('M70 a matched Group', () => {
  it('M51 M55 M75 is read by its app, with our Patients and without the submitted ones', async () => {
    const ehr = await app('ehr');
    await matched('ehr');
    const answer = await group(ehr);
    expect(answer).toMatchObject({
      resourceType: 'Group',
      id: GROUP,
      meta: { profile: [MATCH_PROFILE] },
      type: 'person',
      actual: true,
      quantity: 2,
      code: { coding: [{ code: 'match' }] },
      characteristic: [{ exclude: false, period: { start: instant(h.now).slice(0, 10) } }],
    });
    expect(membersOf(answer)).toEqual(['Patient/m1', 'Patient/m2']);
    expect(answer).not.toHaveProperty('contained');
    const summary = await group(ehr, `/fhir/Group/${GROUP}?_summary=true`);
    expect([summary.quantity, membersOf(summary)]).toEqual([2, []]);
  });

  it('has versions and a history', async () => {
    const ehr = await app('ehr');
    await matched('ehr');
    const { versionId } = (await group(ehr)).meta;
    expect((await group(ehr)).meta.versionId).toBe(versionId);
    expect(membersOf(await group(ehr, `/fhir/Group/${GROUP}/_history/${versionId}`))).toHaveLength(2);
    await h.advance(1000);
    await ends('m1');
    const next = await group(ehr);
    expect([membersOf(next), Number(next.meta.versionId) > Number(versionId)]).toEqual([['Patient/m2'], true]);
    expect((await read(ehr, `/fhir/Group/${GROUP}/_history/${versionId}`)).statusCode).toBe(404);
    expect(await read(ehr, `/fhir/Group/${GROUP}/_history`)).toMatchObject({ statusCode: 200 });
  });

  it('M56 is found beside the Group of the provider, and told apart by its profile', async () => {
    const ehr = await app('ehr');
    await matched('ehr');
    const all = await found(ehr);
    expect(all.map((one) => [one.meta.profile?.includes(MATCH_PROFILE), one.quantity]).toSorted()).toEqual([
      [false, 1],
      [true, 2],
    ]);
    const ids = async (query: string) => (await found(ehr, query)).map(({ id }) => id);
    expect(await ids(`?_id=${GROUP}`)).toEqual([GROUP]);
    expect(await ids(`?identifier=http://hl7.org/fhir/sid/us-npi|${NPI}`)).toContain(GROUP);
    expect(await ids(`?identifier=https://pa.example/fhir/identifier/match-result|${GROUP}`)).toEqual([GROUP]);
    expect(await ids(`?identifier=${OTHER_NPI}`)).toEqual([]);
    expect(await ids('?code=match')).toEqual([GROUP]);
  });

  it('does not exist for another app of the same provider: the bytes of an unknown id', async () => {
    const [ehr, other] = [await app('ehr'), await app('other')];
    await matched('ehr');
    const unknown = await read(other, '/fhir/Group/nobody');
    for (const suffix of ['', '/_history', '/_history/1', '?_summary=true']) {
      const answer = await read(other, `/fhir/Group/${GROUP}${suffix}`);
      expect([answer.statusCode, answer.body]).toEqual([404, unknown.body]);
    }
    expect((await found(other)).map(({ id }) => id)).not.toContain(GROUP);
    expect((await found(other, `?_id=${GROUP}`)).length).toBe(0);
    expect((await read(ehr)).statusCode).toBe(200);
  });

  it('M71 ends after 30 days: the text tells its app to match again, and nobody else', async () => {
    const clients = [await app('ehr'), await app('other')];
    expect(clients).toHaveLength(2);
    await matched('ehr');
    await h.advance(30 * DAY - 60_000);
    expect(membersOf(await group(await h.token('ehr')))).toHaveLength(2);
    await h.advance(60_000);
    const expired = await read(await h.token('ehr'));
    expect(expired.statusCode).toBe(404);
    expect(expired.body).toContain('Match again');
    const foreign = await read(await h.token('other'));
    expect([foreign.statusCode, foreign.body]).toEqual([
      404,
      (await read(await h.token('other'), '/fhir/Group/nobody')).body,
    ]);
    expect((await found(await h.token('ehr'))).map(({ id }) => id)).not.toContain(GROUP);
  });

  it('M71 replaces no earlier one', async () => {
    const ehr = await app('ehr');
    await matched('ehr');
    await matched('ehr', 'match-2', ['m1']);
    expect(membersOf(await group(ehr))).toHaveLength(2);
    expect(membersOf(await group(ehr, '/fhir/Group/match-2'))).toEqual(['Patient/m1']);
  });

  it('exists without a member, and claims no profile (M51)', async () => {
    const ehr = await app('ehr');
    const [from, to] = [instant(h.now), instant(h.now + 30 * DAY)];
    const common = { group: GROUP, client: 'ehr', from, to, policy: 'accept', job: 'j' };
    await h.attests(membersMatchedRecord({ ...common, npis: [], submitted: 3, matched: 0 }));
    const answer = await group(ehr);
    expect([answer.quantity, answer.member, answer.meta.profile]).toEqual([0, undefined, undefined]);
  });
});

describe('M73 closes a matched Group, and M72 decides about each member again:', () => {
  const patients = async (by: Headers): Promise<readonly string[]> => membersOf(await group(by));
  it('an opt-out', async () => {
    const ehr = await app('ehr');
    await matched('ehr');
    await h.consentSays('pa.opted-out.v1', 'm1', {
      scope: 'global',
      effective: instant(h.now - 1000),
      businessTime: instant(h.now - 1000),
      setBy: 'member',
    });
    expect(await patients(ehr)).toEqual(['Patient/m2']);
    expect((await found(ehr, `?_id=${GROUP}`)).map(({ quantity }) => quantity)).toEqual([1]);
  });
  it('M19 a withdrawal', async () => {
    const ehr = await app('ehr');
    await matched('ehr');
    await ends('m1');
    expect(await patients(ehr)).toEqual(['Patient/m2']);
    // The job's last step runs again after a crash.
    await matched('ehr', GROUP, ['m1', 'm2']);
    expect(await patients(ehr)).toEqual(['Patient/m2']);
  });
  it('the end of the coverage', async () => {
    const ehr = await app('ehr');
    await matched('ehr');
    await h.publish(payerEvent('payer.member-terminated.v1', 'm2', { coverageId: 'cov-m2', to: '2025-06-01' }));
    expect(await patients(ehr)).toEqual(['Patient/m1']);
  });
  it.each<[string, () => Promise<unknown>]>([
    ['M34 the end of the binding', () => bound([`npi|${OTHER_NPI}`])],
    ['the end of the network contract', () => h.publish(inNetwork(NPI, 'out-of-network'))],
    [
      'M31 an NPI that the directory deactivates',
      async () => {
        const resource = {
          resourceType: 'Practitioner',
          id: 'p1',
          active: false,
          identifier: [{ system: 'http://hl7.org/fhir/sid/us-npi', value: NPI }],
        };
        const event = payerEvent('payer.provider-recorded.v1', NPI, { resource });
        await h.log.append(PAYER_PROVIDER_EVENTS, [encodeEvent(event)]);
        await h.passed();
      },
    ],
  ])('%s', async (_name, close) => {
    const ehr = await app('ehr');
    await matched('ehr');
    expect(await patients(ehr)).toHaveLength(2);
    const approvals = (await close()) === 'approved' ? 2 : 1;
    await h.settle();
    const after = await h.token('ehr', undefined, approvals);
    const unknown = await read(after, '/fhir/Group/nobody');
    const answer = await read(after);
    expect([answer.statusCode, answer.body]).toEqual([404, unknown.body]);
    expect((await found(after)).map(({ id }) => id)).not.toContain(GROUP);
  });
  it('the suspension of the app', async () => {
    const ehr = await app('ehr');
    await matched('ehr');
    const data = { client: 'ehr', by: 'tests', reason: 'a test' };
    await appendFacts(h.log, [
      { topic: 'pa.registry', type: 'pa.app-suspended.v1', subject: 'ehr', at: instant(h.now), data },
    ]);
    await h.settle();
    expect((await read(ehr)).statusCode).not.toBe(200);
  });
  const bound = async (providers: readonly ProviderKey[]): Promise<'approved'> => {
    await appendFacts(h.log, [approval('ehr', providers, 'system/Group.rs', instant(h.now))]);
    return 'approved';
  };
});

it('M37 the audit names the match by which a release was permitted', async () => {
  const ehr = await app('ehr');
  await matched('ehr');
  await group(ehr);
  const entries = (await recordsOf(h.log, PA_AUDIT)).map((record) => dataOf<Disclosure>(record));
  expect(entries.findLast(({ action }) => action === 'group-read')).toMatchObject({
    group: GROUP,
    members: ['m1', 'm2'],
  });
});
