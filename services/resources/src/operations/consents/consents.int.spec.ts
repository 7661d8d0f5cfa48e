import { afterEach, expect, it } from 'vitest';
import { PAYER_MEMBER_EVENTS, textOf } from '@provider-access/events';
import { EngineUnavailable } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { House, type HouseOptions, type Loose } from '../../../test/harness.ts';

let house: House | undefined;
afterEach(() => house?.close());
const open = async (options: HouseOptions = {}): Promise<House> => (house = await House.open(options));

const TERMS = 'http://terminology.hl7.org/CodeSystem/';
const denial = {
  resourceType: 'Consent',
  status: 'active',
  scope: { coding: [{ system: `${TERMS}consentscope`, code: 'patient-privacy' }] },
  category: [{ coding: [{ system: `${TERMS}v3-ActCode`, code: 'IDSCL' }] }],
  patient: { reference: 'Patient/m1' },
  performer: [{ reference: 'Patient/m1' }],
  policyRule: { coding: [{ system: `${TERMS}consentpolicycodes`, code: 'cric' }] },
  provision: { type: 'deny', period: { start: '2026-01-01' } },
};
const create = (of: House, body: object = denial) => of.call('POST', '/fhir/Consent', { token: of.portalToken, body });
const appended = async (of: House): Promise<readonly Loose[]> => {
  const { [PAYER_MEMBER_EVENTS]: head } = await of.log.head([PAYER_MEMBER_EVENTS]);
  const all = await Promise.all(head!.map((end, partition) => of.log.read(PAYER_MEMBER_EVENTS, partition, 0, end)));
  return all.flat().map((record) => ({ ...record.headers, data: JSON.parse(textOf(record)) }) as Loose);
};

it('a decision is an event of the payer, with a receipt, and its Consent can be read when it is answered', async () => {
  const of = await open();
  const answer = await create(of);
  expect([answer.status, answer.json().provision.type]).toEqual([201, 'deny']);
  const [event, ...others] = await appended(of);
  expect(others).toEqual([]);
  expect(event).toMatchObject({
    ce_type: 'payer.member-opted-out.v2',
    ce_source: 'urn:provider-access:member-portal',
    ce_subject: 'm1',
    data: { scope: 'global', effectiveFrom: '2026-01-01', setBy: 'member', channel: 'member-portal' },
  });
  const receipt = await of.call('GET', `/events/receipts/${event.ce_pareceipt}?wait=5`, { token: of.payerToken });
  expect(receipt.json()).toMatchObject({ expected: 1, handled: 1, counts: { recorded: 1 } });
  const read = await of.call('GET', `/fhir/Consent/${answer.json().id}`, { token: of.portalToken });
  expect(read.text).toBe(answer.text);
  const etag = String(read.headers['etag']);
  const again = await of.call('GET', `/fhir/Consent/${answer.json().id}`, {
    token: of.portalToken,
    headers: { 'if-none-match': etag },
  });
  expect([again.status, again.text]).toEqual([304, '']);
});

it('a decision has a number that the member can quote (N52)', async () => {
  const of = await open();
  const answer = await create(of);
  const number = answer.headers['confirmation-number'];
  expect(number).toMatch(/^[A-Z2-7]{4}(-[A-Z2-7]{4}){2}$/);
  expect(answer.json().identifier).toEqual([{ system: 'urn:provider-access:confirmation-number', value: number }]);
  expect((await create(of)).headers['confirmation-number']).not.toBe(number);
  await of.stopIntake('consent');
  const later = await create(of);
  expect([later.status, later.headers['confirmation-number']]).toEqual([202, expect.stringMatching(/^[A-Z2-7]{4}-/)]);
});

it('two decisions of one moment keep their order, whatever the clock shows', async () => {
  const of = await open();
  for (let n = 0; n < 3; n++) expect((await create(of)).status).toBe(201);
  const times = (await appended(of)).map((event) => event.ce_time as string);
  expect(new Set(times).size).toBe(3);
  expect(times).toEqual(times.toSorted());
});

it('in a sandbox a decision comes from the synthetic payer', async () => {
  const of = await open({ sandbox: true });
  expect((await create(of)).status).toBe(201);
  expect((await appended(of))[0].ce_source).toBe('urn:provider-access:sandbox/member-portal');
});

it('a decision that not every process has passed is 202, and says where it will be', async () => {
  const of = await open();
  await of.stopIntake('consent');
  const answer = await create(of);
  expect(answer.status).toBe(202);
  expect(answer.json().issue[0]).toMatchObject({ severity: 'warning', details: { coding: [{ code: 'accepted' }] } });
  expect(answer.headers['location']).toMatch(/\/fhir\/Consent\/[a-z2-7]{26}$/);
});

it('503 while the log is away, and nothing is stored; 503 while the facts are too old to show', async () => {
  const log = openMemoryLog();
  const of = await open({ log, boundMs: 400 });
  const append = log.append.bind(log);
  log.append = (topic, records) =>
    topic === PAYER_MEMBER_EVENTS ? Promise.reject(new EngineUnavailable('away')) : append(topic, records);
  expect((await create(of)).status).toBe(503);
  log.append = append;
  expect(await appended(of)).toEqual([]);
  await of.ageFacts('consent');
  await expect
    .poll(async () => (await of.call('GET', '/fhir/Consent?patient=m1', { token: of.portalToken })).status)
    .toBe(503);
});

it('the audit has each answer before it leaves, and who asked for nothing', async () => {
  const of = await open();
  const { id } = (await create(of)).json();
  for (const path of [id, `${id}/_history`, `${id}/_history/1`, 'nothing', 'no_id'])
    await of.call('GET', `/fhir/Consent/${path}`, { token: of.portalToken });
  await of.call('GET', '/fhir/Consent?patient=m1', { token: of.portalToken });
  const own = (await of.audited()).filter(({ client }) => client === 'member-portal');
  const common = { action: 'explain', types: ['Consent'], purpose: 'HOPERAT' };
  for (const entry of own) expect(entry).toMatchObject(common);
  expect(own.map(({ outcome, members, resources, reason }) => [outcome, members.join(), resources, reason])).toEqual(
    expect.arrayContaining([
      ['released', 'm1', 1, undefined],
      ['refused', '', 0, 'unknown-resource'],
    ]),
  );
  expect(own.filter(({ outcome }) => outcome === 'released')).toHaveLength(5);
  expect(own.filter(({ outcome }) => outcome === 'refused')).toHaveLength(2);
});

it('4 MiB of a Consent are refused with a size, and deep JSON with its place', async () => {
  const of = await open();
  const large = { ...denial, text: { status: 'generated', div: 'x'.repeat(4 * 1024 * 1024) } };
  expect((await create(of, large)).status).toBe(413);
  let provision: object = { type: 'deny' };
  for (let depth = 0; depth < 1_000; depth++) provision = { type: 'permit', provision: [provision] };
  const deep = await create(of, { ...denial, provision });
  expect([deep.status, deep.text.includes('deeper')]).toEqual([400, true]);
  expect(await appended(of)).toEqual([]);
});
