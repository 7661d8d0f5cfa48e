import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Blobs } from '@provider-access/engines/blob';
import { type Answer, House, type Loose } from '../../../test/harness.ts';

const ABOVE = 1000;
const CONTENT = randomBytes(300_000);
const BASE = 'https://pa.example.org';

const document = (member: string, id: string, bytes: Buffer, extra: object = {}): Loose => ({
  resourceType: 'DocumentReference',
  id,
  status: 'current',
  subject: { reference: `Patient/${member}` },
  content: [{ attachment: { contentType: 'application/pdf', data: bytes.toString('base64'), title: 'Note' } }],
  ...extra,
});
/** Of JSON answers, which hold the bytes of the body in latin1. */
const pathOf = (resource: Loose): string => resource.content[0].attachment.url.slice(BASE.length);

describe('Binary', () => {
  let house: House;
  let token: string;
  let path: string;
  const get = (url: string, headers: Record<string, string> = {}, by = token): Promise<Answer> =>
    house.call('GET', url, { token: by, headers });
  const read = async (id: string): Promise<Loose> => (await get(`/fhir/DocumentReference/${id}`)).json();

  beforeAll(async () => {
    house = await House.open({ attachmentsAbove: ABOVE });
    await house.approve('app1');
    await house.approve('app2', 'npi|1999999984');
    for (const member of ['m1', 'm2', 'm4']) await house.attribute(member);
    const html = {
      contentType: 'text/html',
      data: Buffer.from('<script>alert(1)</script>'.repeat(100)).toString('base64'),
    };
    await house.publish([
      { resource: document('m1', 'd1', CONTENT) },
      { resource: document('m1', 'small', Buffer.from('small')) },
      { resource: { ...document('m1', 'html', CONTENT), content: [{ attachment: html }] } },
      { subject: 'm2', resource: document('m2', 'd2', CONTENT) },
      { subject: 'm3', resource: document('m3', 'd3', CONTENT) },
      {
        subject: 'm4',
        resource: document('m4', 'labelled', CONTENT, {
          meta: { security: [{ system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'R' }] },
        }),
      },
    ]);
    await house.settled();
    token = await house.token('app1');
    path = pathOf(await read('d1'));
  }, 60_000);
  afterAll(() => house.close());

  it('has the content of a large attachment, and the resource has its absolute URL', async () => {
    const { attachment } = (await read('d1')).content[0];
    expect(attachment).toEqual({
      contentType: 'application/pdf',
      url: expect.stringMatching(/^https:\/\/pa\.example\.org\/fhir\/Binary\/[0-9a-f]{64}$/),
      size: CONTENT.length,
      hash: createHash('sha1').update(CONTENT).digest('base64'),
      title: 'Note',
    });
    const answer = await get(path);
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/pdf',
      'content-length': String(CONTENT.length),
      'accept-ranges': 'bytes',
      'content-disposition': 'attachment',
      'content-security-policy': expect.stringContaining('sandbox'),
      'cache-control': 'no-store',
    });
    expect(answer.bytes.equals(CONTENT)).toBe(true);
  });

  it('leaves a small attachment in its resource', async () => {
    expect((await read('small')).content[0].attachment).toMatchObject({
      data: Buffer.from('small').toString('base64'),
    });
  });

  it.each([
    ['bytes=0-99', 0, 100],
    ['bytes=299990-', 299_990, 300_000],
    ['bytes=-10', 299_990, 300_000],
    ['bytes=100000-200000', 100_000, 200_001],
  ])('answers %s with 206', async (range, start, end) => {
    const answer = await get(path, { range });
    expect(answer.status).toBe(206);
    expect(answer.headers['content-range']).toBe(`bytes ${start}-${end - 1}/${CONTENT.length}`);
    expect(answer.bytes.equals(CONTENT.subarray(start, end))).toBe(true);
  });

  it('obeys If-Range and If-None-Match, and refuses a range behind the end', async () => {
    const etag = (await get(path)).headers['etag'] as string;
    expect((await get(path, { range: 'bytes=0-9', 'if-range': etag })).status).toBe(206);
    expect((await get(path, { range: 'bytes=0-9', 'if-range': '"another"' })).status).toBe(200);
    const behind = await get(path, { range: 'bytes=300000-' });
    expect(behind.status).toBe(416);
    expect(behind.headers['content-range']).toBe('bytes */300000');
    const unchanged = await get(path, { 'if-none-match': etag });
    expect([unchanged.status, unchanged.text]).toEqual([304, '']);
  });

  it.each([
    ['416', { range: 'bytes=300000-' }, 416],
    ['304', { 'if-none-match': '*' }, 304],
  ])('has %s in the audit as a release, because it says that the content exists', async (client, headers, status) => {
    await house.approve(client);
    const { status: answered } = await get(path, headers, await house.token(client));
    expect(answered).toBe(status);
    expect((await house.audited()).filter((entry) => entry.client === client)).toMatchObject([
      { action: 'read', outcome: 'released', members: ['m1'], file: path.split('/').at(-1) },
    ]);
  });

  it('answers HEAD with the size and no content', async () => {
    const answer = await house.call('HEAD', path, { token });
    expect([answer.status, answer.text]).toEqual([200, '']);
    expect(answer.headers['content-length']).toBe('300000');
  });

  it.each([{ accept: 'application/fhir+json' }, { accept: 'text/html, application/fhir+json;q=0.9' }])(
    'is a Binary resource for %j',
    async (headers) => {
      const answer = await get(path, headers);
      expect(answer.headers['content-type']).toBe('application/fhir+json; charset=utf-8');
      const binary = answer.json();
      expect(binary).toEqual({
        resourceType: 'Binary',
        id: path.split('/').at(-1),
        contentType: 'application/pdf',
        securityContext: { reference: 'DocumentReference/d1' },
        data: CONTENT.toString('base64'),
      });
      expect((await get(`${path}?_format=json`)).json()).toEqual(binary);
      expect((await get(path, { ...headers, range: 'bytes=0-9' })).status).toBe(200);
    },
  );
  // https://hl7.org/fhir/R4/binary.html#rest
  it('refuses a format of FHIR that is not JSON', async () => {
    for (const accept of ['application/fhir+xml', 'application/fhir+xml;q=1.0, application/xml+fhir;q=0.9'])
      expect((await get(path, { accept })).status, accept).toBe(406);
    for (const format of ['xml', 'application/fhir%2Bxml', 'application/fhir+xml', 'text/turtle'])
      expect((await get(`${path}?_format=${format}`)).status, format).toBe(406);
    // No sooner for what exists than for what does not.
    expect((await get(`/fhir/Binary/${'0'.repeat(64)}?_format=xml`)).status).toBe(406);
    for (const format of ['application/fhir%2Bjson;charset=utf-8', 'application/fhir+json', 'JSON'])
      expect((await get(`${path}?_format=${format}`, { accept: 'application/fhir+xml' })).json(), format).toMatchObject(
        {
          resourceType: 'Binary',
        },
      );
    for (const accept of ['application/fhir+xml, */*;q=0.1', 'application/xml', 'text/html'])
      expect((await get(path, { accept })).headers['content-type'], accept).toBe('application/pdf');
  });

  it('does not take the bytes that a client has for the resource', async () => {
    const json = { accept: 'application/fhir+json' };
    const [bytes, resource] = [await get(path), await get(path, json)].map(({ headers }) => headers['etag'] as string);
    for (const [headers, etag, status] of [
      [{}, bytes, 304],
      [json, resource, 304],
      [json, bytes, 200],
      [{}, resource, 200],
      [json, `${bytes}, ${resource}`, 304],
    ] as const)
      expect((await get(path, { ...headers, 'if-none-match': etag! })).status).toBe(status);
  });

  it('is compressed as a resource, and not as bytes', async () => {
    const resource = await get(path, { accept: 'application/fhir+json', 'accept-encoding': 'gzip' });
    expect(resource.headers['content-encoding']).toBe('gzip');
    expect(JSON.parse(gunzipSync(resource.bytes).toString()).data).toBe(CONTENT.toString('base64'));
    const bytes = await get(path, { 'accept-encoding': 'gzip' });
    expect(bytes.headers['content-encoding']).toBeUndefined();
    expect(bytes.bytes.equals(CONTENT)).toBe(true);
  });

  it('is not compressed as bytes of FHIR, because a client may continue them with a range', async () => {
    const content = JSON.stringify({ resourceType: 'Basic', id: 'x'.repeat(30_000) });
    const data = Buffer.from(content).toString('base64');
    const attachment = { contentType: 'application/fhir+json; charset=utf-8', data };
    await house.publish([{ resource: { ...document('m1', 'fhir', CONTENT), content: [{ attachment }] } }]);
    await house.settled();
    const answer = await get(pathOf(await read('fhir')), { 'accept-encoding': 'gzip, br' });
    expect(answer.headers).toMatchObject({
      'content-type': attachment.contentType,
      'content-length': String(content.length),
      'accept-ranges': 'bytes',
    });
    expect(answer.headers['content-encoding']).toBeUndefined();
    expect(answer.text).toBe(content);
  });

  it.each<Record<string, string>>([
    {},
    { accept: '*/*' },
    { accept: 'application/fhir+json;q=0, */*' },
    { accept: 'application/pdf' },
  ])('is bytes for %j', async (headers) => {
    expect((await get(path, headers)).headers['content-type']).toBe('application/pdf');
  });

  it('never lets a browser show HTML of a payer as a page of this server', async () => {
    const { headers } = await get(pathOf(await read('html')));
    expect(headers).toMatchObject({
      'content-type': 'text/html',
      'content-disposition': 'attachment',
      'content-security-policy': "default-src 'none'; sandbox",
    });
  });

  it('gives what is unknown, foreign, withheld, beyond the scope and of another client the same bytes', async () => {
    const unknown = await get(`/fhir/Binary/${'0'.repeat(64)}`);
    expect(unknown.status).toBe(404);
    const idOf = async (member: string, id: string): Promise<string> => {
      const record = await house.records.byTypeId(member, 'DocumentReference', id);
      return pathOf(JSON.parse(Buffer.from(record!.line).toString()));
    };
    const others: [string, Promise<Answer>][] = [
      ['foreign', get(await idOf('m3', 'd3'))],
      ['labelled', get(await idOf('m4', 'labelled'))],
      ['of another client', get(path, {}, await house.token('app2'))],
      ['beyond the scope', get(path, {}, await house.token('app1', 'system/Condition.rs'))],
      ['searchable only', get(path, {}, await house.token('app1', 'system/DocumentReference.s'))],
      ['no id', get('/fhir/Binary/..%2f..%2fpage-key')],
      ['a name of the store', get('/fhir/Binary/about.json')],
    ];
    for (const [what, asked] of others) {
      const answer = await asked;
      expect([answer.status, answer.text], what).toEqual([404, unknown.text]);
      expect({ ...answer.headers, date: '' }, what).toEqual({ ...unknown.headers, date: '' });
    }
    expect((await get(path, {}, await house.token('app1', 'system/DocumentReference.r'))).status).toBe(200);
    expect((await house.call('GET', path)).status).toBe(401);
  });

  it('is in the audit as a release of its resource, once an hour and not for each range', async () => {
    const id = path.split('/').at(-1)!;
    for (const range of ['bytes=0-9', 'bytes=10-19', 'bytes=20-'])
      expect((await get(path, { range })).status).toBe(206);
    const entries = await house.audited();
    const own = entries.filter(({ client, file }) => client === 'app1' && file === id);
    expect(own.every(({ action, outcome }) => action === 'read' && outcome === 'released')).toBe(true);
    expect(own[0]).toMatchObject({ members: ['m1'], types: ['Binary', 'DocumentReference'], resources: 1 });
    // Two, if an hour began meanwhile.
    expect(own.length).toBeLessThanOrEqual(2);
    const refused = entries.filter(({ outcome }) => outcome === 'refused').map(({ reason }) => reason);
    expect(refused).toEqual(expect.arrayContaining(['unknown-resource', 'withheld-by-label', 'insufficient-scope']));
  });

  it('stays as long as a version that vread answers refers to it, and not longer', async () => {
    const old = pathOf(await read('d1'));
    await house.publish([{ time: '2025-02-01T00:00:00Z', resource: document('m1', 'd1', randomBytes(5000)) }]);
    await house.settled();
    const now = pathOf(await read('d1'));
    expect(now).not.toBe(old);
    expect((await get(now)).bytes).toHaveLength(5000);
    expect(pathOf((await get('/fhir/DocumentReference/d1/_history/1')).json())).toBe(old);
    expect((await get(old)).status).toBe(200);
    const error = { ...document('m1', 'd1', CONTENT), status: 'entered-in-error' };
    await house.publish([{ time: '2025-03-01T00:00:00Z', resource: error }]);
    await house.settled();
    expect([(await get(now)).status, (await get(old)).status]).toEqual([404, 404]);
  });

  it('stays after a delete, as the version that vread answers', async () => {
    await house.publish([{ resource: document('m1', 'deleted', CONTENT) }]);
    await house.settled();
    const kept = pathOf(await read('deleted'));
    const data = { resourceType: 'DocumentReference', id: 'deleted' };
    await house.publish([{ type: 'payer.resource-deleted.v1', time: '2025-02-01T00:00:00Z', data }]);
    await house.settled();
    expect((await get('/fhir/DocumentReference/deleted')).status).toBe(410);
    expect(pathOf((await get('/fhir/DocumentReference/deleted/_history/1')).json())).toBe(kept);
    expect((await get(kept)).bytes.equals(CONTENT)).toBe(true);
  });

  it('moves with its resource when two ids of a member are merged', async () => {
    const idOf = async (): Promise<string> => pathOf(await read('moving'));
    await house.publish([{ subject: 'm1', resource: document('m1', 'moving', CONTENT) }]);
    await house.settled();
    const before = await idOf();
    await house.publish([
      { type: 'payer.members-merged.v1', subject: 'm2', data: { from: 'm1' } },
      { subject: 'm2', time: '2025-02-01T00:00:00Z', resource: document('m2', 'moving', CONTENT) },
    ]);
    await house.settled();
    const after = await idOf();
    expect(after).not.toBe(before);
    expect((await get(after)).bytes.equals(CONTENT)).toBe(true);
    const [former, unknown] = [await get(before), await get(`/fhir/Binary/${'0'.repeat(64)}`)];
    expect([former.status, former.text]).toEqual([404, unknown.text]);
  });

  it('makes an event whose base64 is broken a dead letter, by the place', async () => {
    const broken = document('m1', 'broken', CONTENT);
    broken.content[0].attachment.data = `${'A'.repeat(2001)}`;
    const { receipt } = await house.publish([{ resource: broken }]);
    expect(receipt.items).toMatchObject([{ outcome: 'parked', reason: 'invalid-resource' }]);
    const deadLetter = await house.call('GET', `/events/dead-letters/${receipt.items[0].deadLetter}`, {
      token: house.administratorToken,
    });
    expect(deadLetter.text).toContain('DocumentReference.content.attachment.data: is not base64');
  });

  it('serves nothing of a member who has opted out', async () => {
    const theirs = pathOf(await read('d2'));
    expect((await get(theirs)).status).toBe(200);
    await house.optOut('m2');
    const unknown = await get(`/fhir/Binary/${'0'.repeat(64)}`);
    const answer = await get(theirs);
    expect([answer.status, answer.text]).toEqual([404, unknown.text]);
  });
});

it('keeps every attachment in its resource without a file store', async () => {
  const house = await House.open();
  try {
    await house.approve('app1');
    await house.attribute('m1');
    await house.publish([{ resource: document('m1', 'd1', CONTENT) }]);
    await house.settled();
    const token = await house.token('app1');
    const { content } = (await house.call('GET', '/fhir/DocumentReference/d1', { token })).json();
    expect(content[0].attachment.data).toBe(CONTENT.toString('base64'));
    expect((await house.call('GET', `/fhir/Binary/${'0'.repeat(64)}`, { token })).status).toBe(404);
  } finally {
    await house.close();
  }
});

// N2 and N4: an attachment obeys the label of its resource as soon as it is there.
it('is not there for a request during which its resource gets a label', async () => {
  let meanwhile = async (): Promise<void> => undefined;
  const late = (inner: Blobs): Blobs => ({
    put: (name, content) => inner.put(name, content),
    writer: (name) => inner.writer(name),
    get: (name) => inner.get(name),
    list: (prefix) => inner.list(prefix),
    deletePrefix: (prefix) => inner.deletePrefix(prefix),
    remote: inner.remote,
    range: (...of) =>
      Readable.from(
        (async function* () {
          await meanwhile();
          yield* inner.range(...of) as AsyncIterable<Uint8Array>;
        })(),
        { objectMode: false },
      ),
  });
  const house = await House.open({ attachmentsAbove: ABOVE, blobs: late });
  try {
    await house.approve('app1');
    await house.attribute('m1');
    await house.publish([{ resource: document('m1', 'd1', CONTENT) }]);
    await house.settled();
    const token = await house.token('app1');
    const path = pathOf((await house.call('GET', '/fhir/DocumentReference/d1', { token })).json());
    const securityLabel = [{ text: 'Part 2', coding: [{ code: '42CFRPart2' }] }];
    let asked = 0;
    meanwhile = async () => {
      asked += 1;
      const resource = document('m1', 'd1', CONTENT, { securityLabel });
      if (asked === 1) await house.publish([{ time: '2025-02-01T00:00:00Z', resource }]);
      await house.settled();
    };
    const answer = await house.call('GET', path, { token });
    expect(asked).toBeGreaterThan(0);
    meanwhile = async () => undefined;
    const unknown = await house.call('GET', `/fhir/Binary/${'0'.repeat(64)}`, { token });
    expect([answer.status, answer.text]).toEqual([404, unknown.text]);
    // The refusal has no header of the answer that it replaces, such as its ETag.
    expect(Object.keys(answer.headers).toSorted()).toEqual(Object.keys(unknown.headers).toSorted());
  } finally {
    await house.close();
  }
});
