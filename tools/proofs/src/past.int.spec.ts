import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { collectionName } from '@provider-access/engines/views';
import type { LogRecord } from '@provider-access/engines/log';
import { PA_AUDIT, PA_CONSENT, PA_REGISTRY } from '@provider-access/events';
import { memberFacts } from '@provider-access/facts/views';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret, type Secret, type SigningKeys } from '@provider-access/smart';
import { PROVIDERS } from '@provider-access/testing/promises';
import { variant } from '@provider-access/testing/variant';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { MemoryWorld } from './model/memory-world.ts';
import { explained, explainServed, figuresOf } from './model/past.ts';
import { type ServedDecision, servedIn } from './model/served.ts';

/** `explain` never rewrites the past (APPS.md, P10 to P16): it is asked about decisions that were served. */

/** `past.long.spec.ts` has 120. */
const SEQUENCES = 2;
const WEEK_MINUTES = 7 * 24 * 60;
const HOUR_SECONDS = 3600;
let folder: string;
let keys: Secret<SigningKeys>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'past-'));
  keys = fixedSecret(await signingKeysIn(join(folder, 'keys.json')));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test(`P11: explains each decision of ${SEQUENCES} sequences as it was served (seed ${variant.seed})`, async () => {
  const found = await explainServed(keys, variant.seed, SEQUENCES);
  console.info(figuresOf(found));
  expect(found.differ.slice(0, 3)).toEqual([]);
  expect(found.decisions).toBeGreaterThan(100);
  // A decision within the millisecond of a statement may come before or after it.
  expect(found.sameTime).toBeLessThan(found.decisions / 20);
  // The comparison would fail if either date were ignored.
  expect(found.decidedOtherwiseNow).toBeGreaterThan(0);
}, 240_000);

let world: MemoryWorld;
let sent = 0;
const publish = async (type: string, subject: string, data: object): Promise<void> => {
  const time = new Date(world.now).toISOString();
  const id = `past-${(sent += 1)}`;
  const answer = await world.publish({ id, source: 'urn:payer', type, time, subject, data }, 0);
  expect(answer.status).toBe(202);
};
/** A member who is covered, with a record, and who is attributed to this provider if one is given. */
async function enrolled(member: string, npi?: string): Promise<void> {
  const resource = { resourceType: 'Patient', id: member, name: [{ family: member }] };
  await publish('payer.resource-recorded.v1', member, { resource });
  await publish('payer.member-enrolled.v1', member, { coverageId: 'c1', from: '2020-01-01T00:00:00Z' });
  if (npi !== undefined) await attributed(member, npi);
  await world.caughtUp();
}
const attributed = (member: string, npi: string): Promise<void> =>
  publish('payer.attribution-asserted.v1', member, { provider: { npi }, from: '2020-01-01T00:00:00Z' });
const statusOf = async (member: string): Promise<number> =>
  (await world.readOnce(`/fhir/Patient/${member}`, 0, 0))?.status ?? 0;
const later = async (): Promise<void> => {
  await world.disturb({ op: 'time passes', minutes: WEEK_MINUTES });
  await world.caughtUp();
};

beforeEach(async () => {
  world = await MemoryWorld.start(keys, { ticking: true, bindingEvents: true });
  return () => world.stop();
}, 60_000);

test('P11: an app that is bound to a second NPI a week later did not see the member before', async () => {
  const member = 'bound-later';
  await enrolled(member, PROVIDERS.B.npi);
  expect(await statusOf(member)).toBe(404);
  const { at } = servedIn(world.recorded(PA_AUDIT)).decisions.at(-1)!;
  await later();
  const identifiers = [PROVIDERS.A, PROVIDERS.B].map(({ npi }) => ({ npi, evidence: 'a test' }));
  const { id: client } = world.clients[0]!;
  const body = {
    reason: 'a test',
    identifiers,
    sharedWith: [world.clients[1]!.id],
    confirm: identifiers.map(({ npi }) => npi),
  };
  const approval = await world.administer(`/auth/clients/${client}/approve`, body);
  expect(approval).toMatchObject({ status: 200 });
  await world.caughtUp();
  expect(await explained(world, { client, member, at })).toEqual({ decision: 'deny', reason: 'not-attributed' });
});

test('P11: an attribution that arrives a week late did not show the member before', async () => {
  const member = 'attributed-late';
  await enrolled(member);
  expect(await statusOf(member)).toBe(404);
  const { at } = servedIn(world.recorded(PA_AUDIT)).decisions.at(-1)!;
  await later();
  await attributed(member, PROVIDERS.A.npi);
  await world.caughtUp();
  const { id: client } = world.clients[0]!;
  expect(await explained(world, { client, member, at })).toEqual({ decision: 'deny', reason: 'not-attributed' });
});

test('P11: explains a decision of a process whose clock is an hour behind', async () => {
  const member = 'served-behind';
  for (const instance of [0, 1])
    await world.disturb({ op: 'clock', module: 'resources', instance, seconds: -HOUR_SECONDS });
  await enrolled(member, PROVIDERS.A.npi);
  await publish('payer.member-opted-out.v1', member, { scope: 'global' });
  await world.caughtUp();
  expect(await statusOf(member)).toBe(404);
  const { at, client, reason } = servedIn(world.recorded(PA_AUDIT)).decisions.at(-1)!;
  expect(reason).toBe('opted-out');
  expect(await explained(world, { client, member, at })).toEqual({ decision: 'deny', reason });
});

/** The decisions about a member that were served, in their order. */
const servedTo = (member: string): readonly ServedDecision[] =>
  servedIn(world.recorded(PA_AUDIT)).decisions.filter((one) => one.member === member);
/** Records of a topic about somebody. */
const recordsOf = (topic: string, subject: string): readonly LogRecord[] =>
  world.recorded(topic).filter(({ headers }) => headers['ce_subject'] === subject);

test('P11: explains a search that was served before the view had read an opt-out', async () => {
  const member = 'read-later';
  await enrolled(member, PROVIDERS.A.npi);
  const release = world.hold(`view/${collectionName(memberFacts)}`, PA_CONSENT);
  const time = new Date(world.now).toISOString();
  const data = { scope: 'global' };
  const source = 'urn:payer';
  await world.append({ id: 'unread', source, type: 'payer.member-opted-out.v1', time, subject: member, data });
  await expect.poll(() => recordsOf(PA_CONSENT, member).length).toBe(1);
  const [{ timestamp }] = recordsOf(PA_CONSENT, member) as [LogRecord];
  const answers = [];
  for (let n = 0; n < 3; n++) answers.push((await world.readOnce(`/fhir/Patient?_id=${member}`, 0, 0))?.body);
  for (const body of answers) expect(body).toContain(`"${member}"`);
  release();
  await world.caughtUp();
  expect(await statusOf(member)).toBe(404);
  const decisions = servedTo(member);
  expect(decisions.map(({ permit }) => permit)).toEqual([true, true, true, false]);
  // Of the last two, the opt-out had been recorded before.
  expect(decisions.map(({ at }) => Date.parse(at) > timestamp)).toEqual([false, true, true, true]);
  for (const { at, client, permit, reason } of decisions)
    expect(await explained(world, { client, member, at })).toEqual(
      permit ? { decision: 'permit' } : { decision: 'deny', reason },
    );
});

test('P11: explains both of two decisions with one time, of which one had not read an opt-out', async () => {
  const member = 'one-time';
  await world.disturb({ op: 'clock', module: 'resources', instance: 1, seconds: -HOUR_SECONDS });
  await enrolled(member, PROVIDERS.A.npi);
  const release = world.hold(`view/${collectionName(memberFacts)}`, PA_CONSENT);
  const time = new Date(world.now).toISOString();
  const event = { id: 'one-time', source: 'urn:payer', type: 'payer.member-opted-out.v1', time, subject: member };
  await world.append({ ...event, data: { scope: 'global' } });
  await expect.poll(() => recordsOf(PA_CONSENT, member).length).toBe(1);
  const search = async (via: number): Promise<string> =>
    (await world.readOnce(`/fhir/Patient?_id=${member}`, 0, via))?.body ?? '';
  expect(await search(0)).toContain(`"${member}"`);
  release();
  await world.caughtUp();
  // Its clock is behind the opt-out, so its decision has the time of the opt-out too.
  expect(await search(1)).not.toContain(`"${member}"`);
  const decisions = servedTo(member);
  const [{ timestamp }] = recordsOf(PA_CONSENT, member) as [LogRecord];
  expect(decisions.map(({ at, permit }) => [Date.parse(at), permit])).toEqual([
    [timestamp, true],
    [timestamp, false],
  ]);
  expect(await Promise.all(decisions.map((decision) => explained(world, decision)))).toEqual([
    { decision: 'permit' },
    { decision: 'deny', reason: 'opted-out' },
  ]);
});

test('P11: explains a read of a process that had not read of the suspension of the app', async () => {
  const member = 'suspended-unread';
  await enrolled(member, PROVIDERS.A.npi);
  const { id: client } = world.clients[0]!;
  const instance = world.instances.find(({ name, index }) => name === 'resources' && index === 0)!;
  const release = instance.life.hold(PA_REGISTRY);
  const before = recordsOf(PA_REGISTRY, client).length;
  const suspended = world.administer(`/auth/clients/${client}/suspend`, { reason: 'attack-observed' });
  await expect.poll(() => recordsOf(PA_REGISTRY, client).length).toBe(before + 1);
  for (let n = 0; n < 2; n++) expect(await statusOf(member)).toBe(200);
  release();
  expect(await suspended).toMatchObject({ status: 200 });
  await world.caughtUp();
  const { at } = servedTo(member).at(-1)!;
  expect(Date.parse(at)).toBeGreaterThan(recordsOf(PA_REGISTRY, client).at(-1)!.timestamp);
  expect(await explained(world, { client, member, at })).toEqual({ decision: 'permit' });
  const now = new Date(world.now).toISOString();
  expect(await explained(world, { client, member, at: now })).toMatchObject({ decision: 'deny' });
});
