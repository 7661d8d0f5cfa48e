import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DomainEvent, encodeEvent, PA_CONSENT, PA_PROVIDERS, PA_REGISTRY } from '@provider-access/events';
import { type MemoryLog, openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { ClientDetails } from './client-details.ts';
import { Parties } from './parties.ts';

let log: MemoryLog;
let parties: Parties;
beforeEach(async () => {
  log = openMemoryLog();
  parties = new Parties();
  await parties.start({ log, views: openMemoryViews() });
});
afterEach(async () => {
  await parties.stop();
  await log.close();
});

let n = 0;
async function say(
  topic: string,
  type: string,
  subject: string | undefined,
  data: unknown,
  headers: Record<string, string> = {},
): Promise<void> {
  const event: DomainEvent = {
    id: `e${++n}`,
    source: 'urn:test',
    type,
    time: `2026-01-01T00:00:00.${String(n).padStart(3, '0')}Z`,
    data,
    ...(subject !== undefined && { subject }),
  };
  const record = encodeEvent(event, { key: subject ?? 'source' });
  await log.append(topic, [{ ...record, headers: { ...record.headers, ...headers } }]);
  expect(await parties.waitFor(await log.head([topic]), 60_000)).toBe(true);
}
const registered = {
  client: 'c1',
  name: 'App',
  jwks: { keys: [{ kty: 'RSA' }] },
  scope: 'system/*.rs',
  contacts: ['a@b'],
  npis: ['1000000001'],
  tins: [],
  registrationTokenHash: 'h',
  registeredAt: '2026-01-01T00:00:00Z',
};

describe('parties', () => {
  it('know an app from its approval on, and keep nothing of it but what decides', async () => {
    const changed: string[] = [];
    parties.onChange((client) => changed.push(client));
    await say(PA_REGISTRY, 'pa.app-registered.v1', 'c1', registered);
    expect([parties.ready(), parties.client('c1')]).toEqual([true, undefined]);
    await say(PA_REGISTRY, 'pa.app-approved.v1', 'c1', {
      client: 'c1',
      providers: ['npi|1000000001'],
      scope: 'system/Patient.rs',
      by: 'x',
    });
    await say(PA_REGISTRY, 'pa.app-suspended.v1', 'c1', { client: 'c1', by: 'x', reason: 'why' });
    expect(parties.client('c1')).toEqual({
      client: 'c1',
      name: 'App',
      status: 'suspended',
      bindings: [{ provider: 'npi|1000000001', from: expect.any(String), recordedAt: expect.any(String) }],
      scope: 'system/Patient.rs',
      history: [
        { status: 'approved', at: expect.any(String) },
        { status: 'suspended', at: expect.any(String), reason: 'why' },
      ],
    });
    expect(changed).toEqual(['c1', 'c1']);
  });

  it('keep nothing of an app that was rejected', async () => {
    await say(PA_REGISTRY, 'pa.app-registered.v1', 'c1', registered);
    await say(PA_REGISTRY, 'pa.app-rejected.v1', 'c1', { client: 'c1', by: 'x', reason: 'why' });
    expect(parties.client('c1')).toBeUndefined();
  });

  it('change the keys of an app by a later registration that names the former ones, and nothing else', async () => {
    const details = new ClientDetails();
    const ofAuth = new Parties(details);
    await ofAuth.start({ log, views: openMemoryViews() });
    const changed: string[] = [];
    await say(PA_REGISTRY, 'pa.app-registered.v1', 'c1', registered);
    await say(PA_REGISTRY, 'pa.app-approved.v1', 'c1', { client: 'c1', providers: [], scope: 'system/*.rs', by: 'x' });
    parties.onChange((client) => changed.push(client));
    const before = parties.client('c1');
    const formerKeys = [{ jwks: registered.jwks, until: '2026-01-02T00:00:00.000Z' }];
    const { jwks: _jwks, ...rest } = registered;
    const renewed = { ...rest, name: 'Renamed', jwksUri: 'https://app.example/jwks.json', formerKeys };
    const headers = { pa_stream: 'client-keys/c1', pa_version: '1' };
    await say(PA_REGISTRY, 'pa.app-registered.v1', 'c1', renewed, headers);
    await say(PA_REGISTRY, 'pa.app-registered.v1', 'c-unknown', { ...renewed, client: 'c-unknown' });
    expect(await ofAuth.waitFor(await log.head([PA_REGISTRY]), 60_000)).toBe(true);
    expect(details.get('c1')).toMatchObject({
      name: 'App',
      status: 'approved',
      jwksUri: 'https://app.example/jwks.json',
      formerKeys,
      keysChangedAt: expect.any(String),
    });
    expect(details.get('c1')!.jwks).toBeUndefined();
    expect(details.ids()).toEqual(['c1']);
    expect([parties.client('c1'), changed]).toEqual([before, []]);
    await ofAuth.stop();
  });

  it('fill the details that auth asks for: keys, contacts, registrations of earlier releases that wait', async () => {
    const details = new ClientDetails();
    const ofAuth = new Parties(details);
    await ofAuth.start({ log, views: openMemoryViews() });
    await say(PA_REGISTRY, 'pa.app-registered.v1', 'c1', registered);
    await say(PA_REGISTRY, 'pa.app-registered.v1', 'c2', { ...registered, client: 'c2' });
    await say(PA_REGISTRY, 'pa.app-approved.v1', 'c1', {
      client: 'c1',
      providers: ['npi|1000000001'],
      scope: 'system/Patient.rs',
      by: 'x',
    });
    expect(await ofAuth.waitFor(await log.head([PA_REGISTRY]), 60_000)).toBe(true);
    expect(details.get('c1')).toMatchObject({
      status: 'approved',
      bindings: [{ provider: 'npi|1000000001' }],
      scope: 'system/Patient.rs',
      requestedScope: 'system/*.rs',
      jwks: registered.jwks,
      registrationTokenHash: 'h',
    });
    expect(details.get('c2')).toMatchObject({ status: 'submitted', npis: ['1000000001'], contacts: ['a@b'] });
    expect(details.ids()).toEqual(['c1', 'c2']);
    await ofAuth.stop();
  });

  it('drop a version of a stream that the relay repeats', async () => {
    const at = (v: number) => ({ pa_stream: 'client/c1', pa_version: String(v) });
    await say(PA_REGISTRY, 'pa.app-registered.v1', 'c1', registered, at(1));
    await say(PA_REGISTRY, 'pa.app-approved.v1', 'c1', { client: 'c1', providers: [], scope: '', by: 'x' }, at(2));
    await say(PA_REGISTRY, 'pa.app-registered.v1', 'c1', registered, at(1));
    expect(parties.client('c1')!.status).toBe('approved');
  });

  it('a later word on the network overrules everything from its date on, in any order', async () => {
    const status = (s: string, from: string, businessTime: string) =>
      say(PA_PROVIDERS, 'pa.network-status-recorded.v1', 'npi|1', { provider: 'npi|1', status: s, from, businessTime });
    await status('in-network', '2026-01-01T00:00:00.000Z', '2026-01-03T00:00:00.000Z');
    await status('out-of-network', '2026-06-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z');
    expect(parties.network('npi|1')).toEqual([
      { status: 'in-network', from: '2026-01-01T00:00:00.000Z', recordedAt: expect.any(String) as string },
    ]);
    await status('out-of-network', '2026-06-01T00:00:00.000Z', '2026-01-04T00:00:00.000Z');
    expect(parties.network('npi|1')).toHaveLength(2);
    expect(parties.network('npi|2')).toEqual([]);
  });

  it('keep holds of a source, and nothing of single members', async () => {
    await say(PA_CONSENT, 'pa.access-held.v1', undefined, { source: 's', deadLetter: 'dl-1', eventType: 't' });
    await say(PA_CONSENT, 'pa.access-held.v1', 'm1', { member: 'm1', source: 's', deadLetter: 'dl-2', eventType: 't' });
    expect(parties.sourceHolds('s').map((h) => [h.deadLetter, h.to])).toEqual([['dl-1', undefined]]);
    expect(parties.heldSources()).toBe(1);
    await say(PA_CONSENT, 'pa.access-released.v1', undefined, { source: 's', deadLetter: 'dl-1' });
    expect(parties.sourceHolds('s')[0]!.to).toBeDefined();
    expect(parties.heldSources()).toBe(0);
  });

  it('count each change, also by a record that cannot be read, and no progress (ADR 0161)', async () => {
    const counted = async (...of: Parameters<typeof say>): Promise<number> => {
      const before = parties.changes();
      await say(...of);
      return parties.changes() - before;
    };
    expect(await counted(PA_REGISTRY, 'pa.app-registered.v1', 'c1', registered)).toBe(1);
    expect(await counted(PA_REGISTRY, 'pa.app-revoked.v1', 'c1', 'unreadable')).toBeGreaterThan(0);
    const hold = { source: 's', deadLetter: 'dl-1', eventType: 't' };
    expect(await counted(PA_CONSENT, 'pa.access-held.v1', undefined, hold)).toBe(1);
    expect(await counted(PA_CONSENT, 'pa.access-held.v1', undefined, 'unreadable')).toBe(2);
    const progress = { deriver: 'consent', topic: 'payer.member-events', partition: 0, next: 1, outputs: {} };
    expect(await counted(PA_CONSENT, 'pa.progress.v1', undefined, progress)).toBe(0);
  });

  it('count progress once the outputs that it names are known', async () => {
    const progress = (next: number, after?: object) =>
      say(PA_PROVIDERS, 'pa.progress.v1', 'progress', {
        deriver: 'attribution',
        topic: 'payer.provider-events',
        partition: 1,
        next,
        ...after,
      });
    await progress(4);
    expect(parties.derived('attribution')).toEqual({ 'payer.provider-events': [0, 4] });
    const head = (await log.head([PA_CONSENT]))[PA_CONSENT]!;
    await progress(9, { after: { [PA_CONSENT]: { 0: head[0]! + 1 }, 'pa.groups': { 0: 99 } } });
    expect(parties.derived('attribution')).toEqual({ 'payer.provider-events': [0, 4] });
    await log.append(PA_CONSENT, [
      {
        key: 'k',
        partitionKey: 'k',
        partition: 0,
        headers: { ce_type: 'pa.opted-in.v1', ce_subject: 'm' },
        value: '{}',
      },
    ]);
    expect(
      await parties.waitForDerived([{ deriver: 'attribution', position: { 'payer.provider-events': [0, 9] } }], 5000),
    ).toBe(true);
    expect(
      await parties.waitForDerived([{ deriver: 'attribution', position: { 'payer.provider-events': [0, 10] } }], 0),
    ).toBe(false);
  });
});

describe('a type that a newer version wrote', () => {
  it('stops the reader in front of it: nothing after it counts as known, and the failure is reported', async () => {
    await say(PA_REGISTRY, 'pa.app-registered.v1', 'c1', registered);
    await log.append(PA_REGISTRY, [
      {
        key: 'c1',
        partitionKey: 'c1',
        headers: { ce_type: 'pa.app-approved.v1', ce_id: 'n1', ce_time: '2026-01-02T00:00:00.000Z', ce_subject: 'c1' },
        value: JSON.stringify({ client: 'c1', providers: ['npi|1000000001'], scope: 'system/*.rs', by: 'x' }),
      },
      {
        key: 'c1',
        partitionKey: 'c1',
        headers: { ce_type: 'pa.app-suspended.v2', ce_id: 'n2', ce_time: '2026-01-03T00:00:00.000Z', ce_subject: 'c1' },
        value: '{}',
      },
    ]);
    const sentence = /pa\.registry\/\d has pa\.app-suspended\.v2 at offset \d, which this version does not know/;
    await expect.poll(() => parties.failure()).toMatch(sentence);
    expect(parties.client('c1')?.status).toBe('approved');
    // A process that asks for this one's position learns that it has not passed the record. Its own facts grow old and
    // it answers 503.
    expect(await parties.waitFor(await log.head([PA_REGISTRY]), 50)).toBe(false);
  });
});

describe('a table of lines of business that cannot be read', () => {
  const table = (version: number, setAt: string) => ({
    version,
    setAt,
    by: 'x',
    lines: [{ line: 'ma', from: '2026-01-01T00:00:00.000Z', plans: [{ plan: 'gold' }] }],
  });

  it('starts no line until the next table (N63)', async () => {
    await say(PA_REGISTRY, 'pa.lines-set.v1', 'lines', table(1, '2026-01-01T00:00:00.000Z'));
    expect(parties.lines().at(-1)!.plans.has('gold')).toBe(true);
    const bad = encodeEvent(
      {
        id: 'bad',
        source: 'urn:test',
        type: 'pa.lines-set.v1',
        time: '2026-01-02T00:00:00.000Z',
        subject: 'lines',
        data: {},
      },
      { key: 'lines' },
    );
    await log.append(PA_REGISTRY, [{ ...bad, value: '{"version":' }]);
    await expect.poll(() => parties.lines().length).toBe(2);
    expect(parties.lines().at(-1)).toEqual({ setAt: '2026-01-02T00:00:00.000Z', plans: new Map() });
    await say(PA_REGISTRY, 'pa.lines-set.v1', 'lines', table(3, '2026-01-03T00:00:00.000Z'));
    expect(parties.lines().at(-1)!.plans.has('gold')).toBe(true);
  });
});

describe('our own signing keys', () => {
  const key = (kid: string, x: string) =>
    say(PA_REGISTRY, 'pa.signing-key-published.v1', kid, { kid, jwk: { kty: 'EC', x } });
  it('are known from their publication to their withdrawal, and never come back', async () => {
    await key('k-1', 'one');
    await key('k-2', 'two');
    // A kid keeps the key of its first publication.
    await key('k-1', 'another');
    expect(parties.registry.signingKeys().map((k) => [k.kid, k.jwk['x']])).toEqual([
      ['k-1', 'one'],
      ['k-2', 'two'],
    ]);
    await say(PA_REGISTRY, 'pa.signing-key-withdrawn.v1', 'k-1', {
      kid: 'k-1',
      reason: 'compromised',
      by: 'administrator',
    });
    expect([
      parties.registry.signingKey('k-1'),
      parties.registry.withdrawnKey('k-1')?.reason,
      parties.registry.signingKeys().length,
    ]).toEqual([undefined, 'compromised', 1]);
    await key('k-1', 'one');
    expect(parties.registry.signingKey('k-1')).toBeUndefined();
  });
});
