import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import type { Batch, EventLog } from '@provider-access/engines/log';
import { Access } from '@provider-access/facts';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret, TokenIssuer } from '@provider-access/smart';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { eventually } from '@provider-access/testing';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { afterEach, expect, test, vi } from 'vitest';
import { countLoads } from './embedded/loads.ts';
import { mapBlobs } from './kill-points/blobs.ts';
import {
  ADMINISTRATOR_TOKEN,
  type Answer,
  PAYER_TOKEN,
  PlatformProcess,
  PUBLIC_URL,
} from './kill-points/platform-process.ts';
import { ManualClock } from './kill-points/world.ts';

const DOCUMENTS = 30;
const MIB = 1024 * 1024;
/** Just below the limit of `POST /events`, 4 MiB. */
const DOCUMENT_BYTES = 3.9 * MIB;
const NPI = '1234567893';
/** ms of the test's clock for a document in the intake of resources, and for a MiB that the log loads. */
const COST = { document: 400, mebibyte: 5 };
const HONEST = ['m1', 'm2'];

const folder = await mkdtemp(join(tmpdir(), 'large-documents-'));
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Makes a batch wait for the facts without the limit of two seconds, because a busy machine may need longer. While the
 * intakes are held, `POST /events` waits for the facts in vain and keeps its limit.
 */
function waitForFacts(areHeld: () => boolean): void {
  const { waitForPayer } = Access.prototype;
  vi.spyOn(Access.prototype, 'waitForPayer').mockImplementation(function patient(this: Access, position, timeoutMs) {
    return waitForPayer.call(this, position, areHeld() ? timeoutMs : 600_000);
  });
}
const bytesOf = ({ records }: Batch): number => records.reduce((sum, { value }) => sum + value.byteLength, 0);
/** Calls `before` and `after` around each batch of a group. */
function watch(
  log: EventLog,
  { before, after }: { before: () => Promise<void>; after: (group: string, batch: Batch) => Promise<void> },
): void {
  const subscribe = log.subscribe.bind(log);
  log.subscribe = (options) =>
    subscribe({
      ...options,
      handle: async (batch) => {
        await before();
        await options.handle(batch);
        await after(options.group, batch);
      },
    });
}

// Finding M16 (SECURITY.md): all intakes share the partition and the thread, so 49 of 79 reads of other members were
// 503.
test(`${DOCUMENTS} large documents of one member keep nobody from reading others`, async () => {
  const clock = new ManualClock(Date.parse('2026-06-01T12:00:00Z'));
  const now = (): number => clock.now();
  const log = openEmbeddedLog({ file: join(folder, 'log.db'), partitions: 1, now });
  const state = openMemoryState({ log, now });
  closing.push(
    () => log.close(),
    () => state.close(),
  );
  let open = Promise.resolve();
  const seen = { loaded: 0, handed: 0, largest: 0, answers: [] as number[] };
  const taken = new Map<string, number>();
  let read: (member: string) => Promise<Answer> = () => Promise.reject(new Error('no app yet'));
  countLoads((bytes) => {
    seen.loaded += bytes;
    clock.ms += (COST.mebibyte * bytes) / MIB;
  });
  let areHeld = false;
  waitForFacts(() => areHeld);
  watch(log, {
    before: () => open,
    after: async (group, batch) => {
      const documents = batch.records.filter(({ value }) => value.byteLength > MIB).length;
      seen.handed += bytesOf(batch);
      seen.largest = Math.max(seen.largest, documents);
      if (documents === 0) return;
      if (group === 'resources-intake') clock.ms += COST.document * documents;
      // Each service does this twice a second.
      await process.look();
      for (const member of HONEST) seen.answers.push((await read(member)).status);
      // Behind the reads, which the end of the test counts.
      taken.set(group, (taken.get(group) ?? 0) + documents);
    },
  });
  const keys = fixedSecret(await signingKeysIn(join(folder, 'keys.json')));
  const blobs = mapBlobs(new Map());
  const process = await PlatformProcess.start({ log, state, views: openMemoryViews(), blobs, clock }, keys);
  closing.push(() => process.stop());

  let events = 0;
  const publish = async (type: string, subject: string, data: unknown): Promise<void> => {
    const time = new Date(clock.now()).toISOString();
    const event = { specversion: '1.0', id: `e${(events += 1)}`, source: '/payer', type, time, subject, data };
    const headers = { 'content-type': 'application/cloudevents+json' };
    const body = JSON.stringify(event);
    const { status } = await process.request('/events', { method: 'POST', token: PAYER_TOKEN, headers, body });
    expect(status).toBe(202);
  };
  const administer = async (url: string, body: unknown): Promise<Answer> => {
    const headers = { 'content-type': 'application/json' };
    const call = { method: 'POST', token: ADMINISTRATOR_TOKEN, headers, body: JSON.stringify(body) } as const;
    return process.request(url, call);
  };
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES384', use: 'sig' };
  const app = { client_name: 'An app', jwks: { keys: [jwk] }, scope: 'system/*.rs', contacts: ['mailto:a@b.example'] };
  const client: string = JSON.parse((await administer('/auth/register', { ...app, npi: NPI })).body).client_id;
  await eventually(async () => {
    await process.look();
    const approval = { identifiers: [{ npi: NPI, evidence: 'a test' }], confirm: [NPI] };
    expect((await administer(`/auth/clients/${client}/approve`, approval)).status).toBe(200);
  });
  const issuer = new TokenIssuer({ key: () => keys.current[0]!, publicUrl: PUBLIC_URL, clock });
  read = async (member) => {
    const { token } = await issuer.issue(client, 'system/*.rs', 1);
    return process.request(`/fhir/Patient/${member}`, { token });
  };
  await publish('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2020-01-01' });
  for (const member of ['large', ...HONEST]) {
    await publish('payer.member-enrolled.v1', member, { coverageId: `c-${member}`, from: '2020-01-01' });
    await publish('payer.attribution-asserted.v1', member, { provider: { npi: NPI }, from: '2020-01-01' });
    await publish('payer.resource-recorded.v1', member, {
      resource: { resourceType: 'Patient', id: member, name: [{ family: member }] },
    });
  }
  await eventually(async () => {
    await process.look();
    for (const member of HONEST) expect((await read(member)).status).toBe(200);
  });

  // Put all documents into the log before a group reads the first one.
  const gate = Promise.withResolvers<void>();
  open = gate.promise;
  areHeld = true;
  const data = Buffer.alloc((DOCUMENT_BYTES / 4) * 3 - 1024).toString('base64');
  for (let n = 1; n <= DOCUMENTS; n++) {
    await publish('payer.resource-recorded.v1', 'large', {
      resource: {
        resourceType: 'DocumentReference',
        id: `d${n}`,
        status: 'current',
        subject: { reference: 'Patient/large' },
        date: '2024-05-01T10:00:00Z',
        content: [{ attachment: { contentType: 'application/octet-stream', data } }],
      },
    });
  }
  Object.assign(seen, { loaded: 0, handed: 0 });
  areHeld = false;
  gate.resolve();
  const intakes = ['attribution-intake', 'consent-intake', 'resources-intake'];
  await eventually(() => intakes.every((group) => taken.get(group) === DOCUMENTS), {
    what: 'three intakes have taken every document',
    timeout: 600_000,
  });
  expect(seen.answers.length).toBeGreaterThanOrEqual(intakes.length * DOCUMENTS * HONEST.length);
  expect(seen.answers.filter((status) => status !== 200)).toEqual([]);
  // Memory holds at most one document for each group, and the log loads no record that it does not deliver.
  expect(seen.largest).toBe(1);
  expect(seen.loaded).toBeLessThanOrEqual(seen.handed);
  await eventually(async () => {
    await process.look();
    const { token } = await issuer.issue(client, 'system/*.rs', 1);
    expect((await process.request(`/fhir/DocumentReference/d${DOCUMENTS}`, { token })).status).toBe(200);
  });
}, 1_200_000);
