import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeProtectedHeader } from 'jose';
import { openMemoryLog, type MemoryLog } from '@provider-access/engines/log/memory';
import { Parties, PartiesPresence, type PresenceOptions } from '@provider-access/facts';
import { signingKeysIn } from '@provider-access/process/testing';
import {
  AccessTokens,
  Authenticator,
  publishedKeys,
  type Secret,
  type SigningKeys,
  TokenIssuer,
} from '@provider-access/smart';
import { openMemoryState } from '@provider-access/engines/state/memory';
import type { State } from '@provider-access/engines/state';
import { eventually } from '@provider-access/testing';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { Bench, NOW, NPI, prepare, PUBLIC_URL, ADMINISTRATOR, type App } from '../test/harness.ts';
import { RegistryStreams } from './apps/registry-streams.ts';
import { authConfig, authSettings } from './config.ts';
import { SigningRing, WITHDRAW_AFTER_MS } from './operations/signing-keys/signing-ring.ts';

/** A file of keys whose content the test replaces. */
class Keys implements Secret<SigningKeys> {
  current: SigningKeys;
  readonly #listeners = new Set<() => void>();
  constructor(...keys: readonly SigningKeys[]) {
    this.current = keys.map((k) => k[0]!);
  }
  put(...keys: readonly SigningKeys[]): void {
    this.current = keys.map((k) => k[0]!);
    for (const listener of this.#listeners) listener();
  }
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
const newKey = (): Promise<SigningKeys> => signingKeysIn(join(mkdtempSync(join(tmpdir(), 'key-')), 'k.json'));

let log: MemoryLog;
let state: State;
let one: SigningKeys;
let two: SigningKeys;
let running: { stop(): Promise<void> }[] = [];
beforeAll(async () => {
  await prepare();
  [one, two] = await Promise.all([newKey(), newKey()]);
});
beforeEach(() => {
  log = openMemoryLog({ partitions: 2 });
  state = openMemoryState({ log });
});
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
  await state.close();
  await log.close();
});
const presenceOf = (holder: string): PresenceOptions => ({ port: state.presence, holder, everyMs: 5 });
async function instance(
  holder: string,
  keys: Secret<SigningKeys>,
  config: Record<string, unknown> = {},
): Promise<Bench> {
  const bench = await Bench.start({ log, state, keys, presence: presenceOf(holder), config, now: NOW });
  running.push(bench);
  return bench;
}
/** A process of another service, which verifies tokens with its own copy of the parties. */
async function reader(
  holder: string,
): Promise<{ parties: Parties; accepts(token: string): Promise<number>; stop(): Promise<void> }> {
  const parties = new Parties();
  await parties.start({ log, views: openMemoryViews() });
  const presence = new PartiesPresence(parties, log, presenceOf(holder));
  await presence.start();
  const clock = { now: () => NOW };
  const authenticator = new Authenticator(
    new AccessTokens({ keys: publishedKeys(parties.registry), publicUrl: PUBLIC_URL, clock }),
    parties,
  );
  const made = {
    parties,
    accepts: async (token: string) =>
      Promise.resolve()
        .then(() => authenticator.authenticate({ headers: { authorization: `Bearer ${token}` } }))
        .then(
          () => 200,
          (e: { status: number }) => e.status,
        ),
    stop: async () => {
      await presence.stop();
      await parties.stop();
    },
  };
  running.push(made);
  return made;
}
const tokenOf = async (bench: Bench, app: App): Promise<string> =>
  (await bench.token(app)).body['access_token'] as string;
const kidOf = (token: string): string | undefined => decodeProtectedHeader(token).kid;
const kids = async (bench: Bench): Promise<string[]> =>
  ((await bench.call('GET', '/auth/jwks')).body['keys'] as { kid: string }[]).map((k) => k.kid).sort();

describe('two instances of auth', () => {
  it('with one file publish a key once, and each verifies what the other gives', async () => {
    const keys = new Keys(one);
    const [a, b] = [await instance('a', keys), await instance('b', keys)];
    const app = await a.approved();
    const tokens = [await tokenOf(a, app), await tokenOf(b, app)];
    for (const bench of [a, b])
      for (const token of tokens)
        expect(
          (await bench.call('POST', '/auth/introspect', { form: { token }, token: ADMINISTRATOR })).body['active'],
        ).toBe(true);
    expect((await a.registry()).filter((r) => r.type === 'pa.signing-key-published.v1')).toHaveLength(1);
    expect(await kids(b)).toEqual([one[0]!.kid]);
  });

  it('in the middle of a rotation sign with different keys, and everybody verifies both', async () => {
    const [a, b] = [await instance('a', new Keys(one)), await instance('b', new Keys(two, one))];
    const service = await reader('resources');
    const app = await a.approved();
    await a.parties.waitFor(await log.head(['pa.registry']), 60_000);
    await b.parties.waitFor(await log.head(['pa.registry', 'pa.providers']), 60_000);
    const tokens = [await tokenOf(a, app), await tokenOf(b, app)];
    expect(tokens.map(kidOf)).toEqual([one[0]!.kid, two[0]!.kid]);
    for (const token of tokens) expect(await service.accepts(token)).toBe(200);
    expect(await kids(a)).toEqual([one[0]!.kid, two[0]!.kid].sort());
  });

  it('never accept one assertion both', async () => {
    const keys = new Keys(one);
    const [a, b] = [await instance('a', keys), await instance('b', keys)];
    const app = await a.approved();
    await b.parties.waitFor(await log.head(['pa.registry', 'pa.providers']), 60_000);
    for (let i = 0; i < 5; i++) {
      const assertion = await a.assertion(app.id);
      const answers = await Promise.all([a, b].map((bench) => bench.token(app, { client_assertion: assertion })));
      expect(answers.map((r) => r.status).sort()).toEqual([200, 401]);
      expect((await b.token(app, { client_assertion: assertion })).status).toBe(401);
    }
  });

  it('show and approve what was registered at the other one', async () => {
    const keys = new Keys(one);
    const [a, b] = [await instance('a', keys), await instance('b', keys)];
    const app = await a.register();
    expect((await b.call('GET', `/auth/register/${app.id}`, { token: app.token })).body['status']).toBe('submitted');
    expect((await b.review(app, 'approve')).body['status']).toBe('approved');
    expect((await a.call('GET', `/auth/clients/${app.id}`, { token: ADMINISTRATOR })).body['status']).toBe('approved');
  });
  it('never bind one identifier to two clients that no reviewer knew of', async () => {
    const keys = new Keys(one);
    const instances = [await instance('a', keys), await instance('b', keys)];
    const apps = await Promise.all(instances.map((bench) => bench.register()));
    const approval = { identifiers: [{ npi: NPI, evidence: 'Contract 7' }] };
    // The second approval gets 503 while the first one runs. Its repeat finds the first binding.
    const approve = async (i: number): Promise<number> => {
      const { status } = await instances[i]!.decide(apps[i]!, 'approve', approval);
      return status === 503 ? approve(i) : status;
    };
    expect((await Promise.all([approve(0), approve(1)])).sort()).toEqual([200, 409]);
  });
  it('count registrations of an address together', async () => {
    const keys = new Keys(one);
    const [a, b] = [
      await instance('a', keys, { registrationsPerMinute: 2 }),
      await instance('b', keys, { registrationsPerMinute: 2 }),
    ];
    const statuses = [];
    for (const bench of [a, b, a, b])
      statuses.push((await bench.call('POST', '/auth/register', { json: bench.metadata() })).status);
    expect(statuses).toEqual([201, 201, 429, 429]);
  });
});

describe('a state store that was lost', () => {
  it('is restored from the log: an approved client can be suspended, and every process knows', async () => {
    const keys = new Keys(one);
    const before = await instance('before', keys);
    const app = await before.approved();
    await before.stop();
    running = [];
    await state.close();
    state = openMemoryState({ log });
    const after = await instance('after', keys);
    const service = await reader('resources');
    const token = await tokenOf(after, app);
    expect(await service.accepts(token)).toBe(200);
    expect((await after.review(app, 'reject')).status).toBe(409);
    expect((await after.review(app, 'suspend')).status).toBe(200);
    expect(await service.accepts(token)).toBe(401);
    expect((await after.review(app, 'approve')).status).toBe(200);
    expect(await service.accepts(await tokenOf(after, app))).toBe(200);
    expect((await after.review('nobody', 'suspend')).status).toBe(404);
  });
});

describe('acknowledging', () => {
  it('waits for every process that decides: 503 while one stands still, and a repeat is safe', async () => {
    const a = await instance('a', new Keys(one), { acknowledgeWithinMs: 300 });
    const app = await a.approved();
    // A process that announces itself, but does not read further.
    await state.presence.announce('parties', 'slow', { position: { 'pa.registry': [0, 0] }, derived: {} }, 60_000);
    const refused = await a.review(app, 'suspend');
    expect(refused).toMatchObject({ status: 503, headers: { 'retry-after': '5' } });
    await state.presence.leave('parties', 'slow');
    expect((await a.review(app, 'suspend')).body['status']).toBe('suspended');
    expect((await a.registry()).filter((r) => r.type === 'pa.app-suspended.v1')).toHaveLength(1);
  });

  it('a suspended client is out everywhere when the answer comes, with tokens that were seen before', async () => {
    const a = await instance('a', new Keys(one));
    const services = [await reader('resources-1'), await reader('resources-2')];
    const app = await a.approved();
    const token = await tokenOf(a, app);
    for (const s of services) expect(await s.accepts(token)).toBe(200);
    expect((await a.review(app, 'suspend')).status).toBe(200);
    for (const s of services) expect(await s.accepts(token)).toBe(401);
  });

  it('a process that cannot be seen any more serves nothing: 503', async () => {
    const a = await instance('a', new Keys(one));
    const service = await reader('resources');
    const app = await a.approved();
    const token = await tokenOf(a, app);
    service.parties.seenBy({ current: () => false });
    expect(await service.accepts(token)).toBe(503);
    a.parties.seenBy({ current: () => false });
    expect((await a.token(app)).status).toBe(503);
  });
});

describe('signing keys', () => {
  it('a new key signs only once every reader knows it; until then the old one does', async () => {
    const keys = new Keys(one);
    const a = await instance('a', keys, { acknowledgeWithinMs: 300 });
    const app = await a.approved();
    await state.presence.announce('parties', 'slow', { position: {}, derived: {} }, 60_000);
    keys.put(two, one);
    await eventually(async () => (await kids(a)).length === 2);
    expect(kidOf(await tokenOf(a, app))).toBe(one[0]!.kid);
    await state.presence.leave('parties', 'slow');
    await eventually(async () => kidOf(await tokenOf(a, app)) === two[0]!.kid);
  });

  it('a token of a key that is in the file and not published is refused, and one of no key we know: 401', async () => {
    const a = await instance('a', new Keys(one));
    const app = await a.approved();
    const { token } = await new TokenIssuer({ key: () => two[0]!, publicUrl: PUBLIC_URL, clock: a.clock }).issue(
      app.id,
      'system/*.rs',
      1,
    );
    expect((await a.call('POST', '/auth/introspect', { form: { token }, token })).status).toBe(401);
  });

  it('withdrawn by the administrator, it is over at once, everywhere and for good', async () => {
    const keys = new Keys(one, two);
    const [a, b] = [await instance('a', keys), await instance('b', keys)];
    const service = await reader('resources');
    const app = await a.approved();
    const token = await tokenOf(a, app);
    expect([kidOf(token), await service.accepts(token)]).toEqual([one[0]!.kid, 200]);
    const withdraw = () => b.call('POST', `/auth/signing-keys/${one[0]!.kid}/withdraw`, { token: ADMINISTRATOR });
    for (let i = 0; i < 2; i++)
      expect(await withdraw()).toMatchObject({
        status: 200,
        body: { signing: two[0]!.kid, keys: [{ kid: two[0]!.kid }] },
      });
    expect(await service.accepts(token)).toBe(401);
    expect(await kids(a)).toEqual([two[0]!.kid]);
    expect(kidOf(await tokenOf(a, app))).toBe(two[0]!.kid);
    expect((await a.registry()).filter((r) => r.type === 'pa.signing-key-withdrawn.v1').map((r) => r.data)).toEqual([
      { kid: one[0]!.kid, reason: 'compromised', by: 'administrator' },
    ]);
    // An instance that starts with the withdrawn key in its file does not publish it again.
    const c = await instance('c', new Keys(one, two));
    expect([kidOf(await tokenOf(c, app)), await kids(c)]).toEqual([two[0]!.kid, [two[0]!.kid]]);
  });
  it('is withdrawn by the administrator alone, and only when it was published', async () => {
    const a = await instance('a', new Keys(one));
    expect((await a.call('POST', `/auth/signing-keys/${one[0]!.kid}/withdraw`)).status).toBe(401);
    expect((await a.call('POST', '/auth/signing-keys/none/withdraw', { token: ADMINISTRATOR })).status).toBe(404);
    expect((await a.call('GET', '/auth/signing-keys', { token: ADMINISTRATOR })).body).toEqual({
      signing: one[0]!.kid,
      keys: [{ kid: one[0]!.kid }],
    });
  });

  it('that no instance has in its file any more is withdrawn when its last token has expired', async () => {
    const keys = new Keys(two, one);
    const other = new Keys(one);
    const [a, b] = [await instance('a', keys), await instance('b', other)];
    let now = 0;
    const config = { ...authConfig(authSettings.parse({ PUBLIC_URL })), acknowledgeWithinMs: 60_000 };
    const streams = new RegistryStreams(a.ports, a.parties, [a.parties], config);
    const ring = new SigningRing(a.ports, keys, a.parties, streams, presenceOf('ring'));
    const rounds = async (ms: number): Promise<string[]> => {
      now += ms;
      await ring.round(now);
      return (await a.registry())
        .filter((r) => r.type === 'pa.signing-key-withdrawn.v1')
        .map((r) => r.data.kid as string);
    };
    keys.put(two);
    expect(await rounds(0)).toEqual([]);
    // b still signs with it.
    expect(await rounds(WITHDRAW_AFTER_MS)).toEqual([]);
    await b.stop();
    running = running.filter((r) => r !== b);
    await state.presence.announce('signing-keys', 'a', { kids: [two[0]!.kid] }, 60_000);
    await state.presence.announce('signing-keys', 'ring', { kids: [two[0]!.kid] }, 60_000);
    expect(await rounds(0)).toEqual([]);
    expect(await rounds(WITHDRAW_AFTER_MS - 1)).toEqual([]);
    expect(await rounds(1)).toEqual([one[0]!.kid]);
    expect(await rounds(1000)).toEqual([one[0]!.kid]);
    await ring.stop();
  });

  it('with the kid of another one that was published does not sign', async () => {
    await instance('a', new Keys(one));
    const stranger = [{ ...two[0]!, kid: one[0]!.kid, publicJwk: { ...two[0]!.publicJwk, kid: one[0]!.kid } }];
    const b = await instance('b', { current: stranger, onChange: () => () => undefined });
    const app = await b.approved();
    expect((await b.token(app)).status).toBe(503);
  });
});
