import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { awaitReceipt, type PlatformProcess, type Receipt } from '@provider-access/cli';
import { toStructured, type DomainEvent } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import { freshPlatform, publishAll, registerApp, type TestApp } from './harness.ts';
import {
  findGroup,
  http,
  json,
  kickOff,
  optOut,
  payerEvent,
  sealed,
  tell,
  type EventRow,
  type HttpAnswer,
} from './road.ts';
import { NPI, OTHER_NPI, recorded, patient, observation, member, network, ndjson, rows } from './bad-input-events.ts';

let fresh: Awaited<ReturnType<typeof freshPlatform>>;
let app: TestApp;
let other: TestApp;
const platform = (): PlatformProcess => fresh.platform();

const post = (body: string, type = 'application/x-ndjson', token = platform().payerToken): Promise<HttpAnswer> =>
  http(`${platform().base}/events`, { method: 'POST', token, headers: { 'content-type': type }, body });
const receiptOf = (receipt: string, events: number): Promise<Receipt> =>
  awaitReceipt(fresh.server(), platform().payerToken, receipt, events);
/** Posts events as one stream and returns what intake decided. */
async function outcome(...events: DomainEvent[]): Promise<Receipt> {
  const [row] = rows(await post(ndjson(...events)));
  return receiptOf(row!.receipt, events.length);
}
const read = async (path: string, by = app): Promise<HttpAnswer> =>
  http(/^http/.test(path) ? path : `${platform().base}/fhir/${path}`, { token: await by.tokens.get() });
const faultOf = (answer: HttpAnswer): string => JSON.stringify(json<{ issue: object[] }>(answer).issue);

beforeAll(async () => {
  fresh = await freshPlatform();
  await publishAll(platform(), [
    network(NPI),
    network(OTHER_NPI),
    ...member('m1'),
    ...member('m2'),
    ...member('o1', OTHER_NPI),
  ]);
  app = await registerApp(platform(), { name: 'Clinic', npi: NPI });
  other = await registerApp(platform(), { name: 'Hospital', npi: OTHER_NPI });
  await eventually(async () => expect((await read('Patient/m1')).status).toBe(200));
});
afterAll(() => fresh?.dispose());

/** Each row of bad input: a status, an answer that names the fault, and the neighbours are there. */
describe('a refused event is stored nowhere, and its neighbours are recorded', () => {
  test('not JSON: alone 400, in a stream a row', async () => {
    const single = await post('{"specversion"', 'application/cloudevents+json');
    expect([single.status, json<EventRow>(single)]).toMatchObject([400, { status: 'refused', reason: 'not-json' }]);
    const stream = await post(
      ndjson(
        recorded('m1', observation('nj1', 'm1')),
        'this is not JSON',
        '[1]',
        '{"specversion":"1.0"}',
        recorded('m1', observation('nj2', 'm1')),
      ),
    );
    expect(stream.status).toBe(200);
    expect(rows(stream)).toMatchObject([
      { status: 'accepted' },
      { status: 'refused', reason: 'not-json' },
      { status: 'refused', reason: 'not-a-cloudevent' },
      { status: 'refused', reason: 'not-a-cloudevent' },
      { status: 'accepted' },
    ]);
    expect(await receiptOf(rows(stream)[0]!.receipt, 2)).toMatchObject({
      expected: 2,
      handled: 2,
      counts: { recorded: 2 },
    });
    for (const id of ['nj1', 'nj2']) expect((await read(`Observation/${id}`)).status).toBe(200);
  });

  test('a resource of 5 MB', async () => {
    const large = recorded('m1', observation('large', 'm1', { note: [{ text: 'x'.repeat(5 * 1024 * 1024) }] }));
    const single = await post(JSON.stringify(toStructured(large)), 'application/cloudevents+json');
    expect(single.status).toBe(413);
    expect(single.body.toString('utf8')).toMatch(/4194304 bytes/);
    const stream = rows(
      await post(ndjson(recorded('m1', observation('l1', 'm1')), large, recorded('m1', observation('l2', 'm1')))),
    );
    expect(stream).toMatchObject([
      { status: 'accepted' },
      { status: 'refused', reason: 'too-large' },
      { status: 'accepted' },
    ]);
    expect(await receiptOf(stream[0]!.receipt, 2)).toMatchObject({ counts: { recorded: 2 } });
    expect((await read('Observation/large')).status).toBe(404);
  });

  test.each<[string, () => DomainEvent, string]>([
    ['an event type that does not exist', () => payerEvent('payer.weather-changed.v1', 'm1', {}), 'unknown-event-type'],
    ['a misspelt opt-out', () => payerEvent('payer.member-optedout.v1', 'm1', {}), 'unknown-event-type'],
    ['an opt-out with another case', () => payerEvent('Payer.Member-Opted-Out.V1', 'm1', {}), 'unknown-event-type'],
    ['an event of our own', () => payerEvent('pa.gap.v1', 'm1', {}), 'unknown-event-type'],
    [
      'an opt-out without a member',
      () => ({ ...optOut('m1'), subject: undefined }) as unknown as DomainEvent,
      'missing-subject',
    ],
    ['an opt-out of a member id with a space', () => ({ ...optOut('m1'), subject: 'member 3' }), 'invalid-subject'],
  ])('%s', async (_what, fault, reason) => {
    const answer = await post(JSON.stringify(toStructured(fault())), 'application/cloudevents+json');
    expect([answer.status, json<EventRow>(answer)]).toMatchObject([400, { status: 'refused', reason }]);
    expect(json<EventRow & { detail: string }>(answer).detail.length).toBeGreaterThan(20);
    expect((await read('Patient/m1')).status).toBe(200);
  });

  test('a wrong payer token, and none, at every payer route', async () => {
    for (const token of ['wrong', platform().administratorToken, await app.tokens.get()])
      expect(
        (await post(ndjson(recorded('m1', observation('wt', 'm1'))), undefined, token)).status,
      ).toBeGreaterThanOrEqual(401);
    const none = await http(`${platform().base}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: '{}\n',
    });
    expect(none.status).toBe(401);
    expect(none.headers['www-authenticate']).toMatch(/^Bearer/);
    expect((await http(`${platform().base}/events/dead-letters`, { token: 'wrong' })).status).toBe(401);
    expect((await read('Observation/wt')).status).toBe(404);
  });
});

describe('a faulty event is parked with its reason', () => {
  test.each<[string, () => DomainEvent, string]>([
    [
      'no resource',
      () => payerEvent('payer.resource-recorded.v1', 'm1', { resource: 'Observation' }),
      'not-a-resource',
    ],
    ['no resourceType', () => recorded('m1', { id: 'x' }), 'not-a-resource'],
    [
      'an unknown resource type',
      () => recorded('m1', { resourceType: 'Observatory', id: 'x', subject: { reference: 'Patient/m1' } }),
      'unknown-resource-type',
    ],
    ['a missing id', () => recorded('m1', { ...observation('x', 'm1'), id: undefined }), 'missing-id'],
    ['a broken shape', () => recorded('m1', observation('x', 'm1', { status: 7 })), 'invalid-resource'],
    [
      'no subject',
      () => ({ ...recorded('m1', observation('x', 'm1')), subject: undefined }) as unknown as DomainEvent,
      'missing-subject',
    ],
    ['a resource that names another member', () => recorded('m1', observation('x', 'm2')), 'names-another-member'],
    [
      'a time in the future',
      () => recorded('m1', observation('x', 'm1'), { time: new Date(Date.now() + 3_600_000).toISOString() }),
      'time-in-future',
    ],
  ])('%s', async (_what, fault, reason) => {
    const id = `n-${randomUUID()}`;
    const receipt = await outcome(
      recorded('m1', observation(`${id}.a`, 'm1')),
      fault(),
      recorded('m1', observation(`${id}.b`, 'm1')),
    );
    expect(receipt).toMatchObject({
      expected: 3,
      handled: 3,
      counts: { recorded: 2, parked: 1 },
      items: [{ outcome: 'parked', reason }],
    });
    const letter = await fresh
      .server()
      .json<{ reason: string; detail: string; status: string; data: unknown }>(
        `/events/dead-letters/${receipt.items[0]!.deadLetter}`,
        { token: platform().payerToken },
      );
    expect(letter).toMatchObject({ reason, status: 'open' });
    expect(letter.detail.length).toBeGreaterThan(10);
    expect(letter.data).toBeDefined();
    for (const neighbour of ['a', 'b']) expect((await read(`Observation/${id}.${neighbour}`)).status).toBe(200);
    expect((await read('Observation/x')).status).toBe(404);
  });

  test("a Type/id that another member owns stays the other's", async () => {
    expect(await outcome(recorded('m1', observation('owned', 'm1')))).toMatchObject({ counts: { recorded: 1 } });
    expect(await outcome(recorded('m2', observation('owned', 'm2')))).toMatchObject({
      counts: { parked: 1 },
      items: [{ reason: 'owned-by-another-member' }],
    });
    expect(json(await read('Observation/owned'))).toMatchObject({ subject: { reference: 'Patient/m1' } });
  });

  test('an event id with other content is parked and the first event stays; a repetition changes nothing', async () => {
    const first = recorded('m1', observation('twice', 'm1'));
    expect(await outcome(first)).toMatchObject({ counts: { recorded: 1 } });
    expect(await outcome(first)).toMatchObject({ counts: { unchanged: 1 } });
    expect(
      await outcome({ ...first, data: { resource: observation('twice', 'm1', { status: 'amended' }) } }),
    ).toMatchObject({ counts: { parked: 1 }, items: [{ reason: 'event-id-reused' }] });
    expect(json(await read('Observation/twice'))).toMatchObject({ status: 'final', meta: { versionId: '1' } });
  });

  test('an unreadable opt-out denies until it is resolved', async () => {
    await publishAll(platform(), member('m3'));
    await eventually(async () => expect((await read('Patient/m3')).status).toBe(200));
    const { receipt } = await tell(platform(), payerEvent('payer.member-opted-out.v1', 'm3', { scope: 'everything?' }));
    const answer = await receiptOf(receipt, 1);
    expect(answer).toMatchObject({ counts: { parked: 1 } });
    await eventually(async () => expect((await read('Patient/m3')).status).toBe(404));
    expect((await read('Patient/m2')).status).toBe(200);
    await fresh
      .server()
      .post(
        `/events/dead-letters/${answer.items[0]!.deadLetter}/discard`,
        { reason: 'was a test call' },
        { token: platform().payerToken },
      );
    await eventually(async () => expect((await read('Patient/m3')).status).toBe(200));
  });

  /** Findings C1 and H8 (SECURITY.md): each of these stopped its partition for good. */
  const long = (count: number): string => `urn:oid:1${'.1'.repeat(count)}`;
  test.each<[string, (member: string) => DomainEvent, string]>([
    ['an opt-out from 30 February', (m) => optOut(m, { scope: 'global', effectiveFrom: '2026-02-30' }), 'invalid-data'],
    [
      'an opt-in from 31 June',
      (m) => payerEvent('payer.member-opted-in.v1', m, { effectiveFrom: '2026-06-31' }),
      'invalid-data',
    ],
    [
      'a coverage that starts at 24:00',
      (m) => payerEvent('payer.member-enrolled.v1', m, { coverageId: 'c', from: '2026-01-01T24:00:00Z' }),
      'invalid-data',
    ],
    [
      'a termination in a zone that does not exist',
      (m) => payerEvent('payer.member-terminated.v1', m, { to: '2026-01-01T10:00:00+15:00' }),
      'invalid-data',
    ],
    [
      'an attribution from 29 February of no leap year',
      (m) => payerEvent('payer.attribution-asserted.v1', m, { provider: { npi: NPI }, from: '2025-02-29' }),
      'invalid-data',
    ],
    ['an event at an impossible time', (m) => ({ ...optOut(m), time: '2026-02-30T10:00:00Z' }), 'not-a-cloudevent'],
    [
      'an OID of 3 MB',
      (m) =>
        recorded(
          m,
          observation(`${m}-oid`, m, { extension: [{ url: 'http://example.org/x', valueOid: long(1_500_000) }] }),
        ),
      'invalid-resource',
    ],
  ])('%s is refused or parked, and everything behind it goes on', async (_what, fault, reason) => {
    const id = `i-${randomUUID().slice(0, 8)}`;
    await publishAll(platform(), member(id));
    await eventually(async () => expect((await read(`Patient/${id}`)).status).toBe(200));
    const answered = rows(await post(ndjson(fault(id), recorded(id, observation(`${id}.behind`, id)))));
    const accepted = answered.filter((row) => row.status !== 'refused').length;
    const receipt = await receiptOf(answered.at(-1)!.receipt, accepted);
    if (accepted === 1) expect(answered[0]).toMatchObject({ status: 'refused', reason });
    else expect(receipt).toMatchObject({ counts: { recorded: 1, parked: 1 }, items: [{ outcome: 'parked', reason }] });
    // A member whom the event does not name stays readable, also with resources that are published from now on.
    expect((await tell(platform(), recorded('m1', observation(`${id}.other`, 'm1')))).status).toBe('accepted');
    await eventually(async () => expect((await read(`Observation/${id}.other`)).status).toBe(200));
    for (const letter of receipt.items)
      await fresh
        .server()
        .post(
          `/events/dead-letters/${letter.deadLetter!}/discard`,
          { reason: 'a date that does not exist' },
          { token: platform().payerToken },
        );
    await eventually(async () => expect((await read(`Observation/${id}.behind`)).status).toBe(200));
  });

  test('31 December 9999 is no end: the member stays covered and attributed', async () => {
    const id = `i-${randomUUID().slice(0, 8)}`;
    const open = '9999-12-31';
    expect(
      await outcome(
        recorded(id, patient(id)),
        payerEvent('payer.member-enrolled.v1', id, { coverageId: 'c', from: '2020-01-01', to: open }),
        payerEvent('payer.attribution-asserted.v1', id, { provider: { npi: NPI }, from: '2020-01-01', to: open }),
      ),
    ).toMatchObject({ counts: { recorded: 3 } });
    await eventually(async () => expect((await read(`Patient/${id}`)).status).toBe(200));
    await outcome(payerEvent('payer.member-changed.v1', id, { coverageId: 'c', to: open }));
    expect((await read(`Patient/${id}`)).status).toBe(200);
  });

  test('an event that comes before its member is kept until the member arrives', async () => {
    expect(await outcome(recorded('late', observation('early', 'late')))).toMatchObject({ counts: { recorded: 1 } });
    expect((await read('Observation/early')).status).toBe(404);
    await publishAll(platform(), member('late'));
    await eventually(async () => expect((await read('Observation/early')).status).toBe(200));
  });
});

describe('wrong requests of a provider', () => {
  const answered = (answer: HttpAnswer): [number, string] => [answer.status, faultOf(answer)];
  const exportOf = async (group: string, query: string, by = app): Promise<HttpAnswer> =>
    http(`${platform().base}/fhir/Group/${group}/$export${query}`, {
      token: await by.tokens.get(),
      headers: { accept: 'application/fhir+json', prefer: 'respond-async' },
    });

  test('a Group that does not exist and a foreign one are answered alike', async () => {
    const foreign = await findGroup(platform(), await other.tokens.get(), OTHER_NPI);
    for (const ask of [(id: string) => read(`Group/${id}`), (id: string) => exportOf(id, '')]) {
      const [none, theirs] = [await ask('nosuchgroup'), await ask(foreign.id)];
      expect([none.status, theirs.status]).toEqual([404, 404]);
      expect(faultOf(theirs)).toBe(faultOf(none));
    }
  });

  test.each([
    ['?_since=2999-01-01T00:00:00Z', 400, /_since is in the future/],
    ['?_since=yesterday', 400, /_since must be an instant/],
    ['?_type=Patient,Klaim', 400, /_type names something/],
    ['?_type=Claim', 400, /does not export Claim/],
    ['?_outputFormat=csv', 400, /NDJSON/],
  ])('$export%s', async (query, status, fault) => {
    const { id } = await findGroup(platform(), await app.tokens.get(), NPI);
    const answer = await exportOf(id, query);
    expect(answered(answer)).toEqual([status, expect.stringMatching(fault)]);
  });

  test('a job of another client is no job, in status, files and DELETE', async () => {
    const token = await app.tokens.get();
    const status = await kickOff(platform(), token, (await findGroup(platform(), token, NPI)).id, '?_type=Patient');
    const {
      output: [file],
    } = await sealed(status, token);
    const theirs = await other.tokens.get();
    const unknown = await http(status.replace(/[^/]+$/, 'a'.repeat(26)), { token });
    for (const [url, method] of [
      [status, 'GET'],
      [file!.url, 'GET'],
      [status, 'DELETE'],
    ] as const) {
      const answer = await http(url, { method, token: theirs });
      expect(answer.status).toBe(404);
      expect(faultOf(answer)).toBe(faultOf(unknown));
    }
    expect((await http(file!.url, { token })).status).toBe(200);
  });

  test('a page link of another client, a tampered one, and one of another search', async () => {
    await publishAll(
      platform(),
      [1, 2, 3, 4].map((n) => recorded('m1', observation(`page${n}`, 'm1'))),
    );
    const first = await read('Observation?patient=m1&_count=2');
    const next = json<{ link: { relation: string; url: string }[] }>(first).link.find(
      (l) => l.relation === 'next',
    )!.url;
    expect((await read(next)).status).toBe(200);
    const at = Math.floor(next.length - 10);
    const tampered = next.slice(0, at) + (next[at] === 'A' ? 'B' : 'A') + next.slice(at + 1);
    for (const answer of [await read(tampered), await read(next, other)]) {
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(faultOf(answer)).toMatch(/link|page/i);
    }
  });
});
