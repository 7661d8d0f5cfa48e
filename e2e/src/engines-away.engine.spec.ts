import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { bulkExport, Server, verifyExport } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { startKafka, startMongo, tcpProxy, type Kafka, type Mongo, type TcpProxy } from '@provider-access/testing';
import { startDeployment, type Deployment } from './deployment.ts';
import { publishAll, registerApp, type TestApp } from './harness.ts';
import { sleep } from './interrupted.ts';
import { AS_OF, findGroup, http, json, optIn, optOut, payerEvent, tell, type HttpAnswer } from './road.ts';
import { rebuildAll } from './views.ts';

/** Longer than the bound, so that a read inside it and one after it are both seen. */
const BOUND_MS = 3000;
const WAIT = { timeout: 60_000, interval: 250 };

describe('an engine is away', () => {
  const payer = syntheticPayer({ seed: 'away', members: 12, asOf: AS_OF });
  const organization = payer.providerOrganizations.map((o) => ({ ...o, visible: [...payer.ledger.visibleMembers(o.npi)] })).sort((a, b) => b.visible.length - a.visible.length)[0]!;
  const member = organization.visible[0]!.member;
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-away-'));
  let kafka: Kafka;
  let kafkaProxy: TcpProxy;
  let mongo: Mongo;
  let mongoProxy: TcpProxy;
  let platform: Deployment;
  let app: TestApp;
  let token: string;

  beforeAll(async () => {
    kafka = await startKafka({ advertise: async (_broker, port) => (kafkaProxy = await tcpProxy({ target: { host: '127.0.0.1', port } })).port });
    mongo = await startMongo();
    mongoProxy = await tcpProxy({ target: { host: '127.0.0.1', port: mongo.port } });
    platform = await startDeployment({
      dataDir: join(folder, 'data'),
      env: { KAFKA_BROKERS: kafka.brokers.join(), MONGODB_URI: `mongodb://127.0.0.1:${mongoProxy.port}/?directConnection=true`, FACTS_BOUND_MS: String(BOUND_MS), EXPORT_POLLS_PER_MINUTE: '1000000', EXPORT_CHUNK_MEMBERS: '2' },
    });
    await publishAll(platform, payer.events());
    app = await registerApp(platform, { name: 'Away', npi: organization.npi, tin: organization.tin });
    token = await app.tokens.get();
    expect((await read()).status).toBe(200);
  }, 300_000);
  afterAll(async () => {
    await platform?.kill();
    await Promise.all([kafkaProxy?.close(), mongoProxy?.close(), kafka?.stop(), mongo?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const read = (id = member): Promise<HttpAnswer> => http(`${platform.base}/fhir/Patient/${id}`, { token });
  const openLetters = async (): Promise<number> => json<{ deadLetters: unknown[] }>(await http(`${platform.base}/events/dead-letters?status=open`, { token: platform.payerToken })).deadLetters.length;
  const live = async (): Promise<number> => (await http(`${platform.base}/health/live`)).status;
  const readiness = async (): Promise<{ status: number; text: string }> => {
    const answer = await http(`${platform.base}/health/ready`);
    return { status: answer.status, text: answer.body.toString('utf8') };
  };

  /** 503 with Retry-After, ready no more, still alive, and no process ended. */
  async function closed(why: RegExp): Promise<void> {
    await vi.waitFor(async () => expect((await read()).status).toBe(503), WAIT);
    expect((await read()).headers['retry-after']).toMatch(/^\d+$/);
    const { status, text } = await readiness();
    expect(status).toBe(503);
    expect(text).toMatch(why);
    expect(await live()).toBe(200);
    for (const { child } of platform.processes()) expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  }
  /** Everything goes on by itself: reads, an event that is told now, an opt-out. */
  async function recovered(letters: number, mark: string): Promise<void> {
    await vi.waitFor(async () => expect((await readiness()).status).toBe(200), WAIT);
    token = await vi.waitFor(() => app.tokens.get(), WAIT);
    await vi.waitFor(async () => expect((await read()).status).toBe(200), WAIT);
    const row = await vi.waitFor(() => tell(platform, payerEvent('payer.resource-recorded.v1', member, { resource: { resourceType: 'Observation', id: mark, status: 'final', code: { text: 'Test' }, subject: { reference: `Patient/${member}` }, effectiveDateTime: '2024-02-03' } })), WAIT);
    expect(row.status).toBe('accepted');
    await vi.waitFor(async () => expect((await http(`${platform.base}/fhir/Observation/${mark}`, { token })).status).toBe(200), WAIT);
    // Right after an engine is back an answer may say no more than `accepted`; said again, it takes effect.
    await vi.waitFor(async () => expect((await tell(platform, optOut(member))).status).toBe('effective'), WAIT);
    expect((await read()).status).toBe(404);
    await vi.waitFor(async () => expect((await tell(platform, optIn(member))).status).toBe('effective'), WAIT);
    expect((await read()).status).toBe(200);
    expect(await openLetters()).toBe(letters);
  }

  test.each([
    ['Kafka is killed', () => kafka.kill(0), () => kafka.startBroker(0), /kafka|log|facts/i],
    ['Kafka is stopped', () => kafka.stopBroker(0), () => kafka.startBroker(0), /kafka|log|facts/i],
    ['Kafka answers nothing', async () => kafkaProxy.pause(), async () => kafkaProxy.resume(), /kafka|log|facts/i],
    ['MongoDB is killed', () => mongo.kill(), () => mongo.start(), /mongo|view|facts|store/i],
    ['MongoDB answers nothing', async () => mongoProxy.pause(), async () => mongoProxy.resume(), /mongo|view|facts|store/i],
  ])('%s: 503 after the bound, never a stale permit, and back by itself', async (what, away, back, why) => {
    const letters = await openLetters();
    const memory = platform.memory();
    await away();
    await closed(why);
    const refused = await http(`${platform.base}/events`, { method: 'POST', token: platform.payerToken, headers: { 'content-type': 'application/cloudevents+json' }, body: JSON.stringify({ specversion: '1.0', ...optOut(member) }) }).catch(() => undefined);
    // Never acknowledged as effective while nobody can know it; what was not acknowledged the payer repeats.
    expect(refused?.body.toString('utf8') ?? '').not.toContain('"effective"');
    await sleep(BOUND_MS);
    expect((await read()).status).toBe(503);
    expect(platform.memory()).toBeLessThan(memory + 250e6);
    await back();
    await vi.waitFor(async () => expect((await readiness()).status).toBe(200), WAIT);
    await vi.waitFor(async () => expect((await tell(platform, optIn(member))).status).toBe('effective'), WAIT);
    await recovered(letters, `after-${what.toLowerCase().replaceAll(' ', '-')}`);
  }, 240_000);

  test.each([
    ['Kafka', () => kafkaProxy],
    ['MongoDB', () => mongoProxy],
  ])('%s is slow and its connections are cut: what is asked is answered right or 503', async (what, proxy) => {
    const letters = await openLetters();
    proxy().delay(150);
    const until = Date.now() + 5000;
    while (Date.now() < until) {
      proxy().cut();
      expect([200, 401, 503]).toContain((await read().catch(() => ({ status: 503 }))).status);
      await sleep(400);
    }
    proxy().delay(0);
    await recovered(letters, `after-slow-${what.toLowerCase()}`);
  }, 240_000);

  test('an export goes through while MongoDB is cut and Kafka restarts, and is whole', async () => {
    const { id } = await findGroup(platform, await app.tokens.get(), organization.npi);
    let disturbed: Promise<void> | undefined;
    const out = join(folder, 'disturbed');
    const run = (): ReturnType<typeof bulkExport> => bulkExport({
      server: new Server(platform.base), token: () => app.tokens.get(), group: id, out,
      onAccepted: () => {
        disturbed ??= (async () => {
          mongoProxy.cut();
          await kafka.kill(0);
          await kafka.startBroker(0);
          mongoProxy.cut();
        })();
      },
    });
    const result = await vi.waitFor(run, { timeout: 120_000, interval: 1000 });
    await disturbed;
    const verification = await verifyExport(result.files, payer, organization.npi, new Set());
    // Beside what the ledger has there is what these tests have told.
    expect(verification.faults.filter((fault) => !/^Observation\/after-[a-z-]+ should not be there$/.test(fault))).toEqual([]);
    expect(verification.membersFound).toBe(verification.membersExpected);
  }, 240_000);

  test('at the end every view equals one built from scratch', async () => {
    for (const { view, equal } of await vi.waitFor(() => rebuildAll(platform), { timeout: 120_000, interval: 1000 })) expect([view, equal]).toEqual([view, true]);
  }, 240_000);

});
