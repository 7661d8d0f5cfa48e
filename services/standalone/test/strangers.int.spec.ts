import { randomBytes, randomUUID, type webcrypto } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { readConfig } from '@provider-access/service/config';
import { silentLogger } from '@provider-access/service/observability';
import { clientAssertion, eventually, exchange, newAppKey } from '@provider-access/testing';
import { variant } from '@provider-access/testing/variant';
import { standaloneConfig } from '../src/config.ts';
import { type Platform, startPlatform } from '../src/platform.ts';

/** Junk requests of each kind. */
const EACH = variant.long ? 100_000 : 200;
/** Junk requests before the first measurement, so that code is compiled and tables have their size. */
const WARM_UP = variant.long ? 2000 : 50;
const AT_ONCE = 20;
/** Rounds of requests of an approved app, spread over the junk. */
const HONEST = 20;
const NPI = '1234567893';
/** Address of the junk. Linux routes all of 127.0.0.0/8 to this machine, so each sender can have its own address. */
const JUNK = '127.0.0.66';
const HONEST_ADDRESS = '127.0.0.7';
const JSON_TYPE = { 'content-type': 'application/json' };
const FORM_TYPE = { 'content-type': 'application/x-www-form-urlencoded' };

let folder: string;
let platform: Platform;
let keySets: Server;
let keySetsAsked = 0;
let keySetsUrl: string;
const agents = new Map(
  [JUNK, HONEST_ADDRESS].map((localAddress) => [
    localAddress,
    new Agent({ keepAlive: true, maxSockets: AT_ONCE, localAddress }),
  ]),
);

interface Answer {
  readonly status: number;
  readonly text: string;
}
interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly from?: string;
}
const ask = (path: string, { method = 'POST', headers = {}, body, from = HONEST_ADDRESS }: Ask = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = httpRequest(
      platform.address + path,
      {
        method,
        headers: { ...headers, ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }) },
        agent: agents.get(from)!,
      },
      (response) => {
        let text = '';
        response
          .setEncoding('utf8')
          .on('data', (chunk: string) => (text += chunk))
          .on('end', () => resolve({ status: response.statusCode!, text }))
          .on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });

const assertion = (key: webcrypto.JsonWebKey, clientId: string): string =>
  clientAssertion({ clientId, key }, `${platform.publicUrl}/auth/token`);
const form = (signed: string): string => exchange(signed).body;
/** Makes a new assertion for every 1,000 uses, because signing costs more than a refusal. */
function renewed(make: () => string): () => string {
  let [used, made] = [0, ''];
  return () => (used++ % 1000 === 0 ? (made = make()) : made);
}

const honestKey = newAppKey();
const stolenKey = newAppKey().key;
const metadata = (over: Record<string, unknown> = {}): Record<string, unknown> => ({
  client_name: 'An app',
  jwks: { keys: [honestKey.publicJwk] },
  scope: 'system/*.rs',
  contacts: ['dev@app.example'],
  npi: NPI,
  ...over,
});
interface App {
  readonly client_id: string;
  readonly registration_access_token: string;
}
async function register(over: Record<string, unknown> = {}): Promise<App> {
  const { status, text } = await ask('/auth/register', { headers: JSON_TYPE, body: JSON.stringify(metadata(over)) });
  expect(status, text).toBe(201);
  return JSON.parse(text) as App;
}
const administrator = (): string => readFileSync(platform.administratorTokenFile, 'utf8').trim();
const payer = (): string => readFileSync(platform.payerTokenFile, 'utf8').trim();

async function open(): Promise<void> {
  const config = readConfig(standaloneConfig, { PORT: '0', DATA_DIR: folder, ALLOW_INSECURE_JWKS: 'true' });
  platform = await startPlatform(config, silentLogger);
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'strangers-'));
  keySets = createServer((_request, response) => {
    keySetsAsked++;
    response.end('{"keys":[]}');
  });
  await new Promise<void>((resolve) => keySets.listen(0, '127.0.0.1', resolve));
  keySetsUrl = `http://localhost:${(keySets.address() as AddressInfo).port}/jwks.json`;
  await open();
});
afterAll(async () => {
  await platform.stop();
  for (const agent of agents.values()) agent.destroy();
  keySets.close();
  await rm(folder, { recursive: true, force: true });
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** Bytes in use after a collection. Two, because the first one runs finalizers. */
async function heapInUse(): Promise<number> {
  for (let i = 0; i < 2; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return process.memoryUsage().heapUsed;
}
/** Records that were appended to pa.audit since the platform was opened. */
const auditRecords = async (): Promise<number> => {
  const { text } = await ask('/metrics', { method: 'GET' });
  return Number(/^pa_log_appended_total\{topic="pa\.audit"\} (\d+)$/m.exec(text)?.[1] ?? 0);
};
/** Reasons for which the junk is refused: media type, decode, client, signature, limit. */
const REASONS = 5;
/** Bytes of all stores while they are closed, so that write-ahead logs are merged. */
const diskInUse = (): number =>
  ['log.db', 'views.db', 'state.db'].reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);

/** Only a hanging test reaches this: 1.4 million requests take a quarter of an hour on two free cores. */
const TIMEOUT = variant.long ? 7_200_000 : 120_000;

test(
  `${EACH} junk requests of each kind cost a bounded number of signature checks, no outbound request and no ` +
    'memory, and nobody honest notices',
  { timeout: TIMEOUT },
  async () => {
    const app = await register();
    const event = {
      specversion: '1.0',
      id: randomUUID(),
      source: 'urn:test',
      type: 'payer.network-status-changed.v1',
      time: new Date().toISOString(),
      subject: NPI,
      data: { npi: NPI, status: 'in-network', from: '2020-01-01' },
    };
    const published = await ask('/events', {
      headers: { authorization: `Bearer ${payer()}`, 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify(event),
    });
    expect(published.status, published.text).toBeLessThan(300);
    const approved = await ask(`/auth/clients/${app.client_id}/approve`, {
      headers: { ...JSON_TYPE, authorization: `Bearer ${administrator()}` },
      body: JSON.stringify({ identifiers: [{ npi: NPI, evidence: 'a test' }], confirm: [NPI] }),
    });
    expect(approved.status, approved.text).toBe(200);
    const pending = await register({ jwks: undefined, jwks_uri: keySetsUrl });
    const tokenOf = async (): Promise<Answer> =>
      ask('/auth/token', { headers: FORM_TYPE, body: form(assertion(honestKey.key, app.client_id)) });
    const review = { method: 'GET', headers: { authorization: `Bearer ${administrator()}` } };
    await eventually(async () =>
      (await ask(`/auth/clients/${app.client_id}`, review)).text.includes('"network":"in-network"'),
    );

    /** All requests of an approved app and its developer. */
    const honest = async (): Promise<void> => {
      const given = await tokenOf();
      expect(given.status, given.text).toBe(200);
      const token = (JSON.parse(given.text) as { access_token: string }).access_token;
      const bearer = { authorization: `Bearer ${token}` };
      const answers = [
        await ask('/fhir/Group', { method: 'GET', headers: bearer }),
        await ask('/fhir/metadata', { method: 'GET' }),
        await ask('/auth/introspect', {
          headers: { ...FORM_TYPE, ...bearer },
          body: new URLSearchParams({ token }).toString(),
        }),
        await ask(`/auth/register/${app.client_id}`, {
          method: 'GET',
          headers: { authorization: `Bearer ${app.registration_access_token}` },
        }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    };

    const stranger = `c-${'0'.repeat(32)}`;
    const ofStranger = renewed(() => form(assertion(honestKey.key, stranger)));
    const ofPending = renewed(() => form(assertion(honestKey.key, pending.client_id)));
    const borrowed = renewed(() => form(assertion(stolenKey, app.client_id)));
    // Uses the kid of our published key.
    const { kid } = (JSON.parse((await ask('/auth/jwks', { method: 'GET' })).text) as { keys: { kid: string }[] })
      .keys[0]!;
    const b64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const forgedParts = [b64({ alg: 'ES256', kid, typ: 'at+jwt' }), b64({ client_id: stranger, sub: stranger })];
    const forged = [...forgedParts, 'A'.repeat(86)].join('.');
    const kinds: Readonly<Record<string, () => Promise<Answer>>> = {
      'no form': () => ask('/auth/token', { from: JUNK, headers: JSON_TYPE, body: '{}' }),
      'no assertion': () => ask('/auth/token', { from: JUNK, headers: FORM_TYPE, body: form('junk') }),
      'an assertion of nobody': () => ask('/auth/token', { from: JUNK, headers: FORM_TYPE, body: ofStranger() }),
      'an assertion of a pending app with a jwks_uri': () =>
        ask('/auth/token', { from: JUNK, headers: FORM_TYPE, body: ofPending() }),
      'an assertion of an approved app, signed by another': () =>
        ask('/auth/token', { from: JUNK, headers: FORM_TYPE, body: borrowed() }),
      'a registration without sense': () =>
        ask('/auth/register', { from: JUNK, headers: JSON_TYPE, body: '{"client_name":5}' }),
      'a registration': () =>
        ask('/auth/register', { from: JUNK, headers: JSON_TYPE, body: JSON.stringify(metadata()) }),
      "somebody else's registration": () =>
        ask(`/auth/register/c-${randomBytes(16).toString('hex')}`, {
          from: JUNK,
          method: 'GET',
          headers: { authorization: 'Bearer junk' },
        }),
      'a read with junk for a token': () =>
        ask('/fhir/Patient/1', {
          from: JUNK,
          method: 'GET',
          headers: { authorization: `Bearer ${randomBytes(16).toString('hex')}` },
        }),
      'a read with a forged token': () =>
        ask('/fhir/Patient/1', { from: JUNK, method: 'GET', headers: { authorization: `Bearer ${forged}` } }),
      'an introspection': () =>
        ask('/auth/introspect', {
          from: JUNK,
          headers: { ...FORM_TYPE, authorization: `Bearer ${forged}` },
          body: 'token=x',
        }),
      'an event without a token': () =>
        ask('/events', { from: JUNK, headers: { ...JSON_TYPE, authorization: 'Bearer junk' }, body: '{}' }),
      'a review without a token': () =>
        ask('/auth/clients', { from: JUNK, method: 'GET', headers: { authorization: 'Bearer junk' } }),
      'a path that is not there': () => ask(`/fhir/${randomBytes(8).toString('hex')}`, { from: JUNK, method: 'GET' }),
    };
    const statuses = new Map(Object.keys(kinds).map((kind) => [kind, new Set<number>()]));
    const flood = async (times: number, honestRounds: number): Promise<void> => {
      const everything = Object.entries(kinds);
      const every = Math.ceil(times / honestRounds);
      let sent = 0;
      const sender = async (): Promise<void> => {
        for (let n = sent++; n < times; n = sent++) {
          // The other senders continue meanwhile.
          if (n % every === 0) await honest();
          for (const [kind, send] of everything) statuses.get(kind)!.add((await send()).status);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, sender));
    };

    await flood(WARM_UP, 2);
    await platform.stop();
    const disk = diskInUse();
    await open();
    await flood(WARM_UP, 2);
    const heap = await heapInUse();
    const audited = await auditRecords();
    const verify = vi.spyOn(crypto.subtle, 'verify');
    const began = Date.now();
    await flood(EACH, HONEST);
    // Unknown callers and callers with a borrowed id may send 60 a minute each from one address. Each honest round
    // checks an assertion and a new token.
    const minutes = Math.ceil((Date.now() - began) / 60_000) + 1;
    expect(verify.mock.calls.length).toBeLessThanOrEqual(minutes * 120 + HONEST * 3);
    verify.mockRestore();
    // Each honest round has two records, a token and a search. The junk has one record a minute for each reason.
    expect((await auditRecords()) - audited).toBeLessThanOrEqual(HONEST * 2 + minutes * REASONS);
    expect(keySetsAsked).toBe(0);
    expect(await heapInUse()).toBeLessThanOrEqual(heap * 1.1);

    for (const [kind, seen] of statuses)
      for (const status of seen)
        expect([400, 401, 404, 429], kind).toContain(kind === 'a registration' && status === 201 ? 429 : status);
    expect(statuses.get('an assertion of nobody')).toContain(429);
    const registered = (
      await ask('/auth/clients?status=submitted&_count=1000', {
        method: 'GET',
        headers: { authorization: `Bearer ${administrator()}` },
      })
    ).text;
    expect((JSON.parse(registered) as { clients: unknown[] }).clients.length).toBeLessThanOrEqual(500);
    await platform.stop();
    expect(diskInUse() - disk).toBeLessThanOrEqual(1_000_000);
    await open();
    await honest();
  },
);
