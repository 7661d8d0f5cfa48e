import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Blobs, BlobStoreFull } from '@provider-access/engines/blob';
import { EngineUnavailable, type EventLog } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { labelPolicy } from '@provider-access/domain/pdex/labels';
import { PA_RECORDS } from '@provider-access/events';
import { VersionsReader } from '@provider-access/records';
import { READINESS, type ReadinessCheck } from '@provider-access/service/http';
import { House, type HouseOptions, type Loose } from '../../test/harness.ts';
import { expireVersions } from '../projections/expire-versions.ts';
import { AttachmentStore, type StoredAttachment } from './attachment-store.ts';
import { tidyAttachments, UNUSED_FOR_MS } from './tidy-attachments.ts';

const DAY = 86_400_000;
/** Moved to the file store, and small enough that intake reads the event without a thread of its own. */
const CONTENT = randomBytes(15_000);
let house: House;
let token: string;
afterEach(() => house.close());

async function open(options: HouseOptions = {}): Promise<AttachmentStore> {
  house = await House.open({ attachmentsAbove: 1000, ...options });
  await house.approve('app1');
  await house.attribute('m1');
  token = await house.token('app1');
  return new AttachmentStore(house.blobs);
}
const document = (id: string, bytes: Buffer): object => ({
  resourceType: 'DocumentReference',
  id,
  status: 'current',
  subject: { reference: 'Patient/m1' },
  content: [{ attachment: { contentType: 'application/pdf', data: bytes.toString('base64') } }],
});
async function publish(id: string, bytes: Buffer, time = '2025-01-01T00:00:00Z'): Promise<Loose> {
  const { receipt } = await house.publish([{ time, resource: document(id, bytes) }]);
  await house.settled();
  return receipt.counts;
}
const pathOf = async (id: string): Promise<string> => {
  const answer = await house.call('GET', `/fhir/DocumentReference/${id}`, { token });
  return answer.json().content[0].attachment.url.slice('https://pa.example.org'.length);
};
const statusOf = async (path: string): Promise<number> => (await house.call('GET', path, { token })).status;
async function all(store: AttachmentStore): Promise<StoredAttachment[]> {
  const found: StoredAttachment[] = [];
  for await (const about of store.all()) found.push(about);
  return found;
}
/** The same store, with other methods. */
const changed = (blobs: Blobs, methods: Partial<Blobs>): Blobs =>
  new Proxy(blobs, {
    get: (target, name: keyof Blobs) => {
      const method = methods[name] ?? target[name];
      return typeof method === 'function' ? method.bind(target) : method;
    },
  });

/** `Attachment.url` must be absolute, and a client must get the content there (Bulk Data STU2, attachments). */
describe('a URL in the place of content', () => {
  const BASE = 'https://pa.example.org';
  const NAME = 'DocumentReference.content.attachment -> Binary';
  const withUrls = (id: string, ...attachments: readonly object[]): object => ({
    ...document(id, CONTENT),
    content: attachments.map((attachment) => ({ attachment })),
  });
  const receiptOf = async (resource: object, time = '2025-01-01T00:00:00Z'): Promise<Loose> => {
    const { receipt } = await house.publish([{ time, resource }]);
    await house.settled();
    return receipt;
  };

  it('is counted where it leads nowhere, and the rest of the resource is served', async () => {
    await open();
    // The first two are as in the examples of US Core and PDex.
    const urls = ['/Binary/1-note', 'Binary/abc', `${BASE}/fhir/Binary/abc`, `${BASE}/fhir/Binary/${'a'.repeat(64)}`];
    const receipt = await receiptOf(withUrls('d1', ...urls.map((url) => ({ contentType: 'text/plain', url }))));
    expect(receipt).toMatchObject({ counts: { recorded: 1 }, unresolved: { [NAME]: 4 } });
    for (const url of urls.slice(2)) expect(await statusOf(url.slice(BASE.length))).toBe(404);
    const { content } = (await house.call('GET', '/fhir/DocumentReference/d1', { token })).json();
    expect(content.map((one: Loose) => one.attachment.url)).toEqual(urls);
  });

  it('is not counted where somebody else has the content, or it lies in the resource', async () => {
    await open();
    const data = Buffer.from('note').toString('base64');
    const receipt = await receiptOf(
      withUrls('d1', { url: 'https://documents.payer.example/1' }, { url: 'Binary/abc', data }, { title: 'none' }),
    );
    expect(receipt).toMatchObject({ counts: { recorded: 1 }, unresolved: {} });
  });

  it('of the platform is counted for every resource but the one whose content it is', async () => {
    await open();
    expect((await receiptOf(document('d1', CONTENT))).unresolved).toEqual({});
    const url = BASE + (await pathOf('d1'));
    const again = withUrls('d1', { url, title: 'as it was read' });
    expect(await receiptOf(again, '2025-01-02T00:00:00Z')).toMatchObject({ counts: { recorded: 1 }, unresolved: {} });
    expect(await statusOf(url.slice(BASE.length))).toBe(200);
    expect(await receiptOf(withUrls('d2', { url }))).toMatchObject({ unresolved: { [NAME]: 1 } });
    const other = { ...withUrls('d3', { url }), subject: { reference: 'Patient/m2' } };
    const { receipt } = await house.publish([{ subject: 'm2', resource: other }]);
    expect(receipt).toMatchObject({ counts: { recorded: 1 }, unresolved: { [NAME]: 1 } });
  });

  it('of the platform is counted where the deployment has no file store', async () => {
    house = await House.open();
    const resource = withUrls('d1', { url: `${BASE}/fhir/Binary/${'a'.repeat(64)}` });
    expect(await receiptOf(resource)).toMatchObject({ counts: { recorded: 1 }, unresolved: { [NAME]: 1 } });
  });
});

describe('intake', () => {
  it('stores an attachment once, although the process is killed between it and the record', async () => {
    const puts: string[] = [];
    const log = openMemoryLog();
    const append = log.append.bind(log);
    let failures = 2;
    log.append = (topic, records) => {
      if (topic === PA_RECORDS && failures > 0 && puts.length > 0) {
        failures -= 1;
        return Promise.reject(new EngineUnavailable('the process was killed'));
      }
      return append(topic, records);
    };
    const blobs = (inner: Blobs): Blobs =>
      changed(inner, { put: (name, content) => (puts.push(name.split('/').at(-1)!), inner.put(name, content)) });
    const store = await open({ log, blobs });
    expect(await publish('d1', CONTENT)).toEqual({ recorded: 1 });
    expect(failures).toBe(0);
    expect(puts).toEqual(['bytes', 'about.json']);
    expect(await all(store)).toHaveLength(1);
    // The same event again, and the same content in a later event, change nothing.
    expect(await publish('d1', CONTENT, '2025-01-02T00:00:00Z')).toEqual({ unchanged: 1 });
    expect(puts).toHaveLength(2);
    expect(await statusOf(await pathOf('d1'))).toBe(200);
  });

  it('waits while the store is full, says so, and goes on when there is room', async () => {
    let full = true;
    await open({
      blobs: (inner) =>
        changed(inner, {
          put: (name, content) => (full ? Promise.reject(new BlobStoreFull('full')) : inner.put(name, content)),
        }),
    });
    const published = publish('d1', CONTENT);
    const intake = house.app.get<ReadinessCheck[]>(READINESS).find(({ name }) => name === 'intake')!;
    await expect.poll(() => intake.check()).toMatchObject({ ready: false, detail: expect.stringContaining('is full') });
    full = false;
    expect(await published).toEqual({ recorded: 1 });
    expect(await statusOf(await pathOf('d1'))).toBe(200);
  });

  it('replaces a description that is broken, and does not stop at it', async () => {
    const store = await open();
    await publish('d1', CONTENT);
    await publish('d2', CONTENT);
    const path = await pathOf('d1');
    const id = path.split('/').at(-1)!;
    await house.blobs.put(`attachments/${id.slice(0, 2)}/${id}/about.json`, '{"v":1,"id":');
    expect(await statusOf(path)).toBe(404);
    expect((await all(store)).map(({ resource }) => resource)).toEqual(['d2']);
    expect(await publish('d1', CONTENT, '2025-01-02T00:00:00Z')).toEqual({ unchanged: 1 });
    expect(await statusOf(path)).toBe(200);
  });

  it.each([
    ['all of it', () => 'attachments/', 404],
    ['its content', (id: string) => `attachments/${id.slice(0, 2)}/${id}/content/`, 500],
  ])('stores a lost attachment again when the payer publishes the resource again: %s', async (_what, lost, without) => {
    await open();
    await publish('d1', CONTENT);
    const path = await pathOf('d1');
    await house.blobs.deletePrefix(lost(path.split('/').at(-1)!));
    expect(await statusOf(path)).toBe(without);
    expect(await publish('d1', CONTENT, '2025-01-02T00:00:00Z')).toEqual({ unchanged: 1 });
    expect(await statusOf(path)).toBe(200);
  });
});

describe('a download', () => {
  afterEach(() => void vi.useRealTimers());

  /** Several chunks. */
  const content = randomBytes(300_000);
  /** What happens between the first chunk of the next download and its second. */
  let meanwhile: (() => Promise<unknown>) | undefined;
  const interrupted = (inner: Blobs): Blobs =>
    changed(inner, {
      range: (name, start, end) =>
        Readable.from(
          (async function* () {
            for await (const chunk of inner.range(name, start, end)) {
              yield chunk as Buffer;
              const happens = meanwhile;
              meanwhile = undefined;
              await happens?.();
              // Longer than a decision counts.
              vi.advanceTimersByTime(1000);
            }
          })(),
        ),
    });
  async function endsWhen(path: string, happens: () => Promise<unknown>): Promise<void> {
    vi.useFakeTimers({ toFake: ['performance'] });
    expect((await house.call('GET', path, { token })).bytes.equals(content)).toBe(true);
    meanwhile = happens;
    const got = await house.call('GET', path, { token }).then(
      ({ bytes }) => bytes.length,
      () => 0,
    );
    expect(meanwhile).toBeUndefined();
    expect(got).toBeLessThan(content.length);
    expect(await statusOf(path)).toBe(404);
  }

  it('ends in the middle when the member opts out', async () => {
    await open({ blobs: interrupted });
    await publish('d1', content);
    await endsWhen(await pathOf('d1'), () => house.optOut('m1'));
  });

  it('of a superseded version ends in the middle when the labels of that version withhold it', async () => {
    const HIV = { system: 'http://terminology.hl7.org/CodeSystem/v3-ActCode', code: 'HIV' };
    const consent = (status: string, time: string): Promise<unknown> =>
      house.publish([
        {
          time,
          resource: {
            resourceType: 'Consent',
            id: 'k1',
            status,
            scope: {
              coding: [{ system: 'http://terminology.hl7.org/CodeSystem/consentscope', code: 'patient-privacy' }],
            },
            category: [{ coding: [{ system: HIV.system, code: 'IDSCL' }] }],
            patient: { reference: 'Patient/m1' },
            policyRule: { text: 'consent of the member' },
            provision: { type: 'permit', securityLabel: [HIV] },
          },
        },
      ]);
    await open({
      blobs: interrupted,
      labels: labelPolicy({ [`${HIV.system}|HIV`]: 'withhold unless consented' }),
    });
    await consent('active', '2025-01-01T00:00:00Z');
    await house.publish([{ resource: { ...document('d1', content), meta: { security: [HIV] } } }]);
    await house.settled();
    const path = await pathOf('d1');
    await publish('d1', randomBytes(5000), '2025-01-02T00:00:00Z');
    await endsWhen(path, async () => {
      await consent('inactive', '2025-01-03T00:00:00Z');
      await house.settled();
    });
    expect(await statusOf(await pathOf('d1'))).toBe(200);
  });

  it('of a range reads no more than the range', async () => {
    const ranges: number[] = [];
    await open({
      blobs: (inner) =>
        changed(inner, {
          range: (name, start, end) => (ranges.push(end - start), inner.range(name, start, end)),
          get: (name) => (name.endsWith('bytes') ? Promise.reject(new Error('the whole content')) : inner.get(name)),
        }),
    });
    await publish('d1', CONTENT);
    const answer = await house.call('GET', await pathOf('d1'), { token, headers: { range: 'bytes=5-14' } });
    // Intake looks again for the last byte after its append, perhaps during the request.
    expect([answer.status, Math.max(...ranges)]).toEqual([206, 10]);
  });

  it('whose content is lost is an error and not an empty answer', async () => {
    await open();
    await publish('d1', CONTENT);
    const path = await pathOf('d1');
    const id = path.split('/').at(-1)!;
    await house.blobs.deletePrefix(`attachments/${id.slice(0, 2)}/${id}/content/`);
    const answer = await house.call('GET', path, { token });
    expect(answer.status).toBeGreaterThanOrEqual(500);
    expect(answer.json().resourceType).toBe('OperationOutcome');
  });
});

describe('the job that removes unused attachments', () => {
  const tidyIn = (store: AttachmentStore, ms: number, log: Pick<EventLog, 'head'> = house.log): Promise<number> =>
    tidyAttachments({
      attachments: store,
      records: house.records,
      versions: new VersionsReader(house.views),
      log,
      clock: { now: () => Date.now() + ms },
    });
  const expireIn = (days: number): Promise<number> =>
    expireVersions({ views: house.views, clock: { now: () => Date.now() + days * DAY }, retentionMs: 400 * DAY });
  const deleted = (id: string) => ({
    type: 'payer.resource-deleted.v1',
    time: '2025-03-01T00:00:00Z',
    data: { resourceType: 'DocumentReference', id },
  });

  it('keeps what the current version or a kept one has, and an opt-out changes nothing', async () => {
    const store = await open();
    await publish('d1', CONTENT);
    await publish('d1', randomBytes(5000), '2025-02-01T00:00:00Z');
    await house.optOut('m1');
    expect([await tidyIn(store, 0), await tidyIn(store, 300 * DAY)]).toEqual([0, 0]);
    const found = await all(store);
    expect(found.map(({ size }) => size).toSorted((a, b) => a - b)).toEqual([5000, CONTENT.length]);
    expect(found.some(({ unusedSince }) => unusedSince !== undefined)).toBe(false);
  });

  it('removes an attachment a week after the last version that had it expired', async () => {
    const store = await open();
    await publish('d1', CONTENT);
    await publish('d2', randomBytes(5000));
    const path = await pathOf('d1');
    await house.publish([deleted('d1')]);
    await house.settled();
    expect(await tidyIn(store, UNUSED_FOR_MS * 2)).toBe(0);
    expect(await expireIn(401)).toBe(1);
    expect(await tidyIn(store, 0)).toBe(0);
    expect(await tidyIn(store, UNUSED_FOR_MS - DAY)).toBe(0);
    expect(await tidyIn(store, UNUSED_FOR_MS + DAY)).toBe(1);
    expect((await all(store)).map(({ resource }) => resource)).toEqual(['d2']);
    expect(await statusOf(path)).toBe(404);
    expect(await statusOf(await pathOf('d2'))).toBe(200);
  });

  it('removes what no record ever got, as after a crash that nobody repeated', async () => {
    const store = await open();
    const about = { member: 'm1', type: 'DocumentReference', resource: 'never', contentType: 'text/plain' };
    await store.put([{ ...about, id: 'a'.repeat(64), size: 3, bytes: Buffer.from('abc') }]);
    expect([await tidyIn(store, 0), await tidyIn(store, UNUSED_FOR_MS + DAY)]).toEqual([0, 1]);
    expect(await all(store)).toEqual([]);
  });

  it('leaves an attachment that a new event uses again', async () => {
    const store = await open();
    await publish('d1', CONTENT);
    await house.publish([deleted('d1')]);
    await house.settled();
    await expireIn(401);
    await tidyIn(store, 0);
    expect((await all(store))[0]!.unusedSince).toEqual(expect.any(Number));
    await publish('d1', CONTENT, '2025-04-01T00:00:00Z');
    expect((await all(store))[0]!.unusedSince).toBeUndefined();
    expect(await tidyIn(store, UNUSED_FOR_MS * 10)).toBe(0);
    expect(await statusOf(await pathOf('d1'))).toBe(200);
  });

  it('continues a removal in which it was killed', async () => {
    const store = await open();
    const id = 'b'.repeat(64);
    const about = { member: 'm1', type: 'DocumentReference', resource: 'gone', contentType: 'text/plain', size: 3 };
    await store.put([{ ...about, id, bytes: Buffer.from('abc') }]);
    await tidyIn(store, 0);
    const killed = new AttachmentStore(
      changed(house.blobs, { deletePrefix: () => Promise.reject(new EngineUnavailable('killed')) }),
    );
    await expect(tidyIn(killed, UNUSED_FOR_MS + DAY)).rejects.toThrow(EngineUnavailable);
    expect(await store.about(id)).toBeUndefined();
    expect(await tidyIn(store, UNUSED_FOR_MS + DAY)).toBe(1);
    expect(await all(store)).toEqual([]);
  });

  it('asks for the heads of the log once a run, however many attachments there are', async () => {
    const store = await open();
    await publish('d1', CONTENT);
    const asked = async (): Promise<number> => {
      const head = vi.fn<EventLog['head']>((topics) => house.log.head(topics));
      await tidyIn(store, 0, { head });
      return head.mock.calls.length;
    };
    const once = await asked();
    for (const id of ['d2', 'd3', 'd4']) await publish(id, CONTENT);
    expect(await all(store)).toHaveLength(4);
    expect(await asked()).toBe(once);
  });

  it('removes nothing while the views are behind', async () => {
    const store = await open();
    await publish('d1', CONTENT);
    const behind = { ...house.records, views: { ...house.records.views, records: { waitFor: async () => false } } };
    await expect(
      tidyAttachments({
        attachments: store,
        records: behind as unknown as House['records'],
        versions: new VersionsReader(house.views),
        log: house.log,
        clock: { now: () => Date.now() + 1000 * DAY },
      }),
    ).rejects.toThrow('have not caught up');
    expect(await all(store)).toHaveLength(1);
  });
});
