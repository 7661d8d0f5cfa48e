import { randomBytes, randomInt } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnApp, registerOwn, Server, type PlatformProcess } from '@provider-access/cli';
import { PA_AUDIT, PA_REGISTRY } from '@provider-access/events';
import { npiOf } from '@provider-access/synthetic';
import { tokenRequest } from '@provider-access/testing';
import { patientOf, requestOf } from '@provider-access/testing/promises';
import { cutOff, type CutOff, type Door } from './cut-off.ts';
import { environment } from './deployment.ts';
import { SERVICES } from './gateway.ts';
import { type Fresh, freshPlatform, instancesOf } from './harness.ts';
import { openTopicRecords, type TopicRecord, type TopicRecords } from './kafka/topic-records.ts';
import { type Announced, openAnnounced } from './mongo/announced.ts';
import { memberOf, publishTaken } from './payers.ts';
import { FHIR } from './portal.ts';
import { endBinding, findGroup, http, type HttpAnswer, json, kickOff, payerEvent, sealed, texts } from './road.ts';
import { LIMITS } from './world/context.ts';

/**
 * The end of one binding of an app that has two (APPS.md P3), on the processes of the five services. Every door of each
 * process is asked while the record of the end goes through them. What a process has read is its position in the state
 * store, and what was released is what the broker has in `pa.audit`. Downloads that run are in opt-out.e2e.spec.ts,
 * which has files large enough.
 */

const run = randomBytes(4).toString('hex');
/** The provider whose binding ends first, and the other one. */
const [GONE, STAYS] = [npiOf(randomInt(1e8)), npiOf(randomInt(1e8))];
const HIDDEN = Array.from({ length: 2 }, (_, i) => `m-ended-${run}-${i}`);
const KEPT = `m-kept-${run}`;
/** Nobody attributes it: the provider attests. */
const MATCHED = `${run}-m1`;
const MATCH = 'http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/ProviderMemberMatch';

interface Disclosure {
  readonly client: string;
  readonly action: string;
  readonly outcome: string;
  readonly members: readonly string[];
  readonly at: string;
}

let fresh: Fresh;
let platform: PlatformProcess;
let app: OwnApp;
let records: TopicRecords;
let announced: Announced;

beforeAll(async () => {
  fresh = await freshPlatform({ env: LIMITS });
  platform = fresh.platform();
  const env = environment({ dataDir: platform.dataDir }, platform.base);
  [records, announced] = await Promise.all([openTopicRecords(env), openAnnounced(env)]);
  const condition = (member: string) => ({
    resource: {
      resourceType: 'Condition',
      id: `${member}-c`,
      code: { text: 'asthma' },
      subject: { reference: `Patient/${member}` },
    },
  });
  await publishTaken(
    platform,
    ...[GONE, STAYS].map((npi) =>
      payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
    ),
    ...HIDDEN.flatMap((m) => memberOf(m, { npi: GONE }, condition(m))),
    ...memberOf(KEPT, { npi: STAYS }, condition(KEPT)),
    payerEvent('payer.member-enrolled.v1', MATCHED, { coverageId: `${MATCHED}-c`, from: '2020-01-01' }),
    payerEvent('payer.resource-recorded.v1', MATCHED, { resource: patientOf(MATCHED) }),
  );
  const server = new Server(platform.base);
  const scope = `system/*.rs ${MATCH}`;
  const contact = 'mailto:developer@clinic.example';
  app = await registerOwn(server, platform.administratorToken, { name: 'Two', npi: GONE, scope, contact });
  const identifiers = [GONE, STAYS].map((npi) => ({ npi, evidence: 'a test' }));
  await server.post(
    `/auth/clients/${app.clientId}/approve`,
    { reason: 'a test', identifiers },
    { token: platform.administratorToken },
  );
});
afterAll(async () => {
  await Promise.all([records?.close(), announced?.close()]);
  await fresh?.dispose();
});

const ask = (path: string, token: string): Promise<HttpAnswer> => http(`${platform.base}${path}`, { token });
const pathOf = (url: string): string => url.slice(platform.base.length);
const get = (path: string) => (token: string) => ({ path, call: { token } });
const ok = ({ status }: HttpAnswer): boolean => status === 200;
const names =
  (text: string) =>
  ({ body }: HttpAnswer): boolean =>
    body.includes(text);
const newToken = async (): Promise<string> => {
  const answer = await http(`${platform.base}/auth/token`, tokenRequest(app, platform.base));
  if (answer.status !== 200) throw new Error(`a token was answered ${answer.status}`);
  return json<{ access_token: string }>(answer).access_token;
};
async function match(token: string): Promise<string> {
  const body = requestOf([MATCHED], { npi: GONE, at: new Date().toISOString(), status: 'active' });
  const { status, headers } = await http(`${platform.base}/fhir/Group/$provider-member-match`, {
    method: 'POST',
    token,
    headers: { 'content-type': FHIR, prefer: 'respond-async' },
    body,
  });
  expect(status).toBe(202);
  return headers['content-location'] as string;
}

/** The end of the binding is the one record that `pa.registry` has got. */
async function theEnd(head: readonly number[], npi: string): Promise<TopicRecord> {
  const [record, ...others] = await records.since(PA_REGISTRY, head);
  expect(others).toEqual([]);
  expect(record).toMatchObject({
    subject: app.clientId,
    data: { bindings: [{ provider: `npi|${npi}`, to: expect.any(String) }] },
  });
  return record!;
}
/** Releases of these members to the app, as the broker has them. */
async function releases(members: readonly string[], since: readonly number[]) {
  return (await records.since(PA_AUDIT, since)).filter(({ type, data }) => {
    const entry = data as Disclosure;
    if (type !== 'pa.disclosure.v1' || entry.client !== app.clientId) return false;
    return entry.outcome === 'released' && entry.members.some((member) => members.includes(member));
  });
}

/** No process has served after it had passed the end, and each served before and was asked after it. */
async function holds({ rows, passedAt, atAnswer }: CutOff, doors: readonly Door[], from: readonly number[]) {
  // The answer to the reviewer promises that no process decides by the binding any more.
  expect(atAnswer.toSorted()).toEqual(SERVICES.toSorted());
  expect(rows.filter(({ served, passed }) => served && passed !== undefined)).toEqual([]);
  for (const { what, of } of doors)
    for (const i of instancesOf(platform, of).keys()) {
      const own = rows.filter((row) => row.what === what && row.where === `${of} ${i}`);
      const count = (wanted: (row: (typeof own)[number]) => boolean): number => own.filter(wanted).length;
      expect([what, i, count(({ served }) => served) > 0, count(({ passed }) => passed !== undefined) > 0]).toEqual([
        what,
        i,
        true,
        true,
      ]);
    }
  const last = Math.max(...passedAt.values());
  const released = await releases([...HIDDEN, MATCHED], from);
  return released.filter(({ data }) => Date.parse((data as Disclosure).at) > last);
}

test('P3 no process serves by a binding whose end its facts have passed', async () => {
  const from = await records.head(PA_AUDIT);
  const before = await newToken();
  const group = (await findGroup(platform, before, GONE)).id;
  const jobOf = async (query: string) => {
    const status = await kickOff(platform, before, group, query);
    return { status, manifest: await sealed(status, before) };
  };
  const done = await jobOf('?_type=Patient');
  const fileOf = (type: string): string => pathOf(done.manifest.output.find((file) => file.type === type)!.url);
  const matching = await sealed(await match(before), before);
  const result = [...(await texts(matching, before)).values()].join('');
  expect(result).toContain(`Patient/${MATCHED}`);
  const matchGroup = result
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; code: { coding: [{ code: string }] } })
    .find(({ code }) => code.coding[0].code === 'match')!.id;
  const [hidden] = HIDDEN as [string];
  const doors: readonly Door[] = [
    { what: 'a read', of: 'resources', ask: get(`/fhir/Patient/${hidden}`), shows: ok },
    { what: 'a read by attestation', of: 'resources', ask: get(`/fhir/Patient/${MATCHED}`), shows: ok },
    {
      what: 'a search',
      of: 'resources',
      ask: get(`/fhir/Condition?patient=${hidden}`),
      shows: names(`Patient/${hidden}`),
    },
    { what: 'a history', of: 'resources', ask: get(`/fhir/Condition/${hidden}-c/_history`), shows: ok },
    { what: 'a Group', of: 'attribution', ask: get(`/fhir/Group/${group}`), shows: ok },
    { what: 'the Group of a match', of: 'attribution', ask: get(`/fhir/Group/${matchGroup}`), shows: ok },
    { what: 'the status of an export', of: 'export', ask: get(pathOf(done.status)), shows: names('"Patient"') },
    { what: 'a file', of: 'export', ask: get(fileOf('Patient')), shows: names(hidden) },
    {
      what: 'the result of a match',
      of: 'export',
      ask: get(pathOf(matching.output.find(({ count }) => count !== 0)!.url)),
      shows: names(`Patient/${MATCHED}`),
    },
  ];
  const running: string[] = [];
  const head = await records.head(PA_REGISTRY);
  const cut = await cutOff({
    doors,
    instances: (service) => instancesOf(platform, service),
    announced,
    head,
    newToken,
    async end(token) {
      for (const query of ['?_type=Patient', '?_type=Condition'])
        running.push(await kickOff(platform, token, group, query));
      await endBinding(platform, app.clientId, GONE);
    },
  });
  expect(await holds(cut, doors, from)).toEqual([]);
  const ended = await theEnd(head, GONE);
  // Each release says how far the facts of its decision had been read: none as far as the end.
  const readOf = ({ read = '{}' }: TopicRecord): number | undefined =>
    (JSON.parse(read) as { ofParties?: Record<string, number[]> }).ofParties?.[PA_REGISTRY]?.[ended.partition];
  const reads = (await releases([...HIDDEN, MATCHED], from)).map(readOf);
  expect(reads.some((read) => read !== undefined)).toBe(true);
  expect(reads.filter((read) => read !== undefined && read >= ended.offset)).toEqual([]);

  // What ran at the end, and everything that is asked from here on, by positions of the audit.
  const heard = await records.head(PA_AUDIT);
  const after = await newToken();
  for (const status of running) {
    const files = await texts(await sealed(status, after), after);
    expect([...files.values()].join('')).not.toContain('m-ended');
  }
  for (const { ask: request, shows } of doors) {
    const { path } = request(after);
    expect([path, shows(await ask(path, after))]).toEqual([path, false]);
  }
  expect(await releases([...HIDDEN, MATCHED], from)).not.toEqual([]);
  expect(await releases([...HIDDEN, MATCHED], heard)).toEqual([]);
  // The app is approved for the other provider.
  expect((await ask(`/fhir/Patient/${KEPT}`, after)).status).toBe(200);
});
