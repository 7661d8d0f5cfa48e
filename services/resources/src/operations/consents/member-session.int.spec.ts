import { afterEach, beforeEach, expect, it } from 'vitest';
import { PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { EngineUnavailable } from '@provider-access/engines/log';
import { csrfOf, type Session, Sessions } from '@provider-access/smart';
import { type Answer, House } from '../../../test/harness.ts';

/** What the member of a link may do with Consents, and what nobody may do with such a session (PEOPLE.md N51). */
let house: House;
beforeEach(async () => {
  house = await House.open();
});
afterEach(() => house.close());

const TERMS = 'http://terminology.hl7.org/CodeSystem/';
const denialOf = (member: string, over: object = {}): object => ({
  resourceType: 'Consent',
  status: 'active',
  scope: { coding: [{ system: `${TERMS}consentscope`, code: 'patient-privacy' }] },
  category: [{ coding: [{ system: `${TERMS}v3-ActCode`, code: 'IDSCL' }] }],
  patient: { reference: `Patient/${member}` },
  performer: [{ reference: `Patient/${member}` }],
  policyRule: { coding: [{ system: `${TERMS}consentpolicycodes`, code: 'cric' }] },
  provision: { type: 'deny', period: { start: '2026-01-01' } },
  ...over,
});
let serial = 0;
const sessionOf = (id: string): Promise<Session> => {
  const member = { id, link: `link-${++serial}`, key: 'k' };
  return house.app.get(Sessions).begin({ name: 'member', mark: 'member', member }, ['member']);
};
const cookie = ({ secret }: Session): Record<string, string> => ({ cookie: `__Host-pa-session=${secret}` });
const own = (session: Session): Record<string, string> => ({ ...cookie(session), 'x-csrf-token': csrfOf(session) });
const get = (session: Session, path: string): Promise<Answer> =>
  house.call('GET', `/fhir/${path}`, { headers: cookie(session) });
const decide = (session: Session, body: object, headers = own(session)): Promise<Answer> =>
  house.call('POST', '/fhir/Consent', { headers, body });
const byPortal = (body: object): Promise<Answer> =>
  house.call('POST', '/fhir/Consent', { token: house.portalToken, body });
const events = async (): Promise<number> => {
  const { [PAYER_MEMBER_EVENTS]: head } = await house.log.head([PAYER_MEMBER_EVENTS]);
  return head!.reduce((all, end) => all + end, 0);
};

it('a member reads the own decisions, and another member’s Consent is as one that does not exist', async () => {
  const { id: foreign } = (await byPortal(denialOf('m2'))).json<{ id: string }>();
  const session = await sessionOf('m1');
  const { id } = (await decide(session, denialOf('m1'))).json<{ id: string }>();
  expect((await get(session, `Consent/${id}`)).status).toBe(200);
  const [theirs, nobodys] = [await get(session, `Consent/${foreign}`), await get(session, 'Consent/unknown')];
  expect([theirs.status, nobodys.status]).toEqual([404, 404]);
  expect(theirs.text).toBe(nobodys.text);
  const found = async (query: string): Promise<readonly string[]> =>
    ((await get(session, `Consent${query}`)).json<{ entry?: { resource: { id: string } }[] }>().entry ?? []).map(
      ({ resource }) => resource.id,
    );
  expect(await found('')).toEqual([id]);
  expect(await found('?patient=m1&category=IDSCL')).toEqual([id]);
  expect(await found(`?_id=${id},${foreign}`)).toEqual([id]);
  expect(await found(`?_id=${foreign}`)).toEqual([]);
  const answers = await Promise.all(['m2', 'm-nobody', 'm1,m2'].map((one) => get(session, `Consent?patient=${one}`)));
  expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
});

it('a page link of the portal shows nobody else to a member', async () => {
  for (let n = 0; n < 2; n++) await byPortal(denialOf('m2'));
  const first = await house.call('GET', '/fhir/Consent?patient=m2&_count=1', { token: house.portalToken });
  const { link } = first.json<{ link: { relation: string; url: string }[] }>();
  const next = new URL(link.find(({ relation }) => relation === 'next')!.url);
  const answer = await get(await sessionOf('m1'), `Consent${next.search}`);
  expect(answer.status).toBe(403);
});

it('versions and searches by POST are for the portal alone, and so is every other type', async () => {
  const session = await sessionOf('m1');
  const { id } = (await decide(session, denialOf('m1'))).json<{ id: string }>();
  for (const path of [`Consent/${id}/_history`, `Consent/${id}/_history/1`])
    expect((await get(session, path)).status, path).toBe(403);
  const search = await house.call('POST', '/fhir/Consent/_search', { headers: own(session), body: '' });
  expect(search.status).toBe(403);
  for (const path of ['Patient/m1', 'Patient', 'Group'])
    expect([401, 404]).toContain((await get(session, path)).status);
  const receipts = await house.call('GET', '/events/receipts/r-1', { headers: cookie(session) });
  expect([receipts.status, receipts.text.includes('this member alone')]).toEqual([403, true]);
});

it('a link is for one decision, also at the same moment', async () => {
  const session = await sessionOf('m1');
  const answers = await Promise.all([1, 2, 3].map(() => decide(session, denialOf('m1'))));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 409, 409]);
  const other = await house.app.get(Sessions).begin({ ...session }, ['member']);
  expect((await decide(other, denialOf('m1'))).status).toBe(409);
  expect(await events()).toBe(1);
  expect((await get(session, 'Consent')).json()).toMatchObject({ total: 1 });
  expect((await decide(await sessionOf('m1'), denialOf('m1'))).status).toBe(201);
});

it('a decision that was not stored does not count', async () => {
  const session = await sessionOf('m1');
  expect((await decide(session, denialOf('m1', { status: 'inactive' }))).status).toBe(422);
  const { append } = house.log;
  house.log.append = () => Promise.reject(new EngineUnavailable('the log is away'));
  expect((await decide(session, denialOf('m1'))).status).toBe(503);
  house.log.append = append;
  expect((await decide(session, denialOf('m1'))).status).toBe(201);
});

it('a member decides for nobody else, and speaks for no representative', async () => {
  const session = await sessionOf('m1');
  const foreign = [await decide(session, denialOf('m2')), await decide(session, denialOf('m-nobody'))];
  expect(foreign.map(({ status }) => status)).toEqual([403, 403]);
  expect(foreign[0]!.text).toBe(foreign[1]!.text);
  const verification = [{ verified: true, verifiedWith: { display: 'call centre' } }];
  const performer = [{ reference: 'RelatedPerson/r1' }];
  for (const over of [{ performer }, { performer, verification }])
    expect((await decide(session, denialOf('m1', over))).status).toBe(422);
  expect(await events()).toBe(0);
});

it('a page of a stranger decides nothing', async () => {
  const session = await sessionOf('m1');
  const stranger = await sessionOf('m1');
  for (const headers of [
    cookie(session),
    { ...cookie(session), 'x-csrf-token': csrfOf(stranger) },
    { ...own(session), 'sec-fetch-site': 'cross-site' },
  ])
    expect((await decide(session, denialOf('m1'), headers)).status).toBe(403);
  expect(await events()).toBe(0);
});

it('nothing is shown or decided after the end of the session, or by a session of staff', async () => {
  const session = await sessionOf('m1');
  await house.app.get(Sessions).end(session);
  expect((await get(session, 'Consent')).status).toBe(401);
  expect((await decide(session, denialOf('m1'))).status).toBe(401);
  const staff = await house.app.get(Sessions).begin({ name: 'person anna', mark: 'person anna' }, ['auditor']);
  for (const path of ['Consent', 'Consent?patient=m1', 'Consent/x'])
    expect((await get(staff, path)).status, path).toBe(403);
  const { payerToken: token } = house;
  expect((await house.call('GET', '/fhir/Consent?patient=m1', { token })).status).toBe(401);
});

it('the audit names the member’s own looks as such, and no id in a refusal', async () => {
  const session = await sessionOf('m1');
  await decide(session, denialOf('m1'));
  await get(session, 'Consent');
  await get(session, 'Consent?patient=m2');
  const entries = (await house.audited()).filter(({ client }) => client === 'member');
  expect(entries.map(({ action, outcome, members, reason }) => [action, outcome, members.join(), reason])).toEqual([
    ['explain', 'released', 'm1', undefined],
    ['explain', 'released', 'm1', undefined],
    ['explain', 'refused', '', 'forbidden'],
  ]);
});

it('a huge Consent is refused with a size', async () => {
  const session = await sessionOf('m1');
  const large = denialOf('m1', { text: { status: 'generated', div: 'x'.repeat(4 * 1024 * 1024) } });
  expect((await decide(session, large)).status).toBe(413);
  const many = denialOf('m1', { category: Array(10_000).fill({ text: 'x' }) });
  expect((await decide(session, many)).status).toBe(201);
});
