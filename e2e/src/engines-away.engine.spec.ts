import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bulkExport, Server, verifyExport, type BulkResult } from '@provider-access/cli';
import {
  eventually,
  startKafka,
  startMongo,
  tcpProxy,
  type Kafka,
  type Mongo,
  type TcpProxy,
} from '@provider-access/testing';
import { startDeployment, type Deployment } from './deployment.ts';
import { publishAll, registerApp, type TestApp } from './harness.ts';
import { openLetters, seenPayer, WAIT } from './interrupted.ts';
import { Outage, WITHOUT_KAFKA, WITHOUT_MONGODB, withoutMarks, type EngineAway } from './outage.ts';
import { findGroup } from './road.ts';
import { rebuildAll } from './views.ts';

/** The suite `outages` has all of it, `faults.engine.spec.ts` one of each engine for `.ci/run`. */
describe('an engine is away', { timeout: 600_000 }, () => {
  const { payer, organization } = seenPayer({ seed: 'away', members: 12 });
  const member = organization.visible[0]!.member;
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-away-'));
  let kafka: Kafka;
  let kafkaProxy: TcpProxy;
  let mongo: Mongo;
  let mongoProxy: TcpProxy;
  let platform: Deployment;
  let app: TestApp;
  const outage = new Outage({ platform: () => platform, app: () => app, member });

  beforeAll(async () => {
    kafka = await startKafka({
      advertise: async (_broker, port) => (kafkaProxy = await tcpProxy({ target: { host: '127.0.0.1', port } })).port,
    });
    mongo = await startMongo();
    mongoProxy = await tcpProxy({ target: { host: '127.0.0.1', port: mongo.port } });
    platform = await startDeployment({
      dataDir: join(folder, 'data'),
      env: {
        KAFKA_BROKERS: kafka.brokers.join(),
        MONGODB_URI: `mongodb://127.0.0.1:${mongoProxy.port}/?directConnection=true`,
        EXPORT_POLLS_PER_MINUTE: '1000000',
        EXPORT_CHUNK_MEMBERS: '2',
      },
    });
    await publishAll(platform, payer.events());
    app = await registerApp(platform, { name: 'Away', npi: organization.npi, tin: organization.tin });
    await outage.signIn();
    // Handled comes before visible.
    await eventually(async () => expect((await outage.decided()).status).toBe(200), WAIT);
  });
  afterAll(async () => {
    await platform?.kill();
    await Promise.all([kafkaProxy?.close(), mongoProxy?.close(), kafka?.stop(), mongo?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const OUTAGES: readonly EngineAway[] = [
    {
      what: 'Kafka is killed',
      away: () => kafka.kill(0),
      back: () => kafka.startBroker(0),
      why: WITHOUT_KAFKA,
    },
    {
      what: 'Kafka is stopped',
      away: () => kafka.stopBroker(0),
      back: () => kafka.startBroker(0),
      why: WITHOUT_KAFKA,
    },
    {
      what: 'Kafka answers nothing',
      away: async () => kafkaProxy.pause(),
      back: async () => kafkaProxy.resume(),
      why: WITHOUT_KAFKA,
    },
    {
      what: 'MongoDB is killed',
      away: () => mongo.kill(),
      back: () => mongo.start(),
      why: WITHOUT_MONGODB,
    },
    {
      what: 'MongoDB answers nothing',
      away: async () => mongoProxy.pause(),
      back: async () => mongoProxy.resume(),
      why: WITHOUT_MONGODB,
    },
  ];
  test.each(OUTAGES)('$what: 503 after the bound, never a stale permit, and back by itself', (engine) =>
    outage.passes(engine),
  );

  test.each([
    ['Kafka', () => kafkaProxy],
    ['MongoDB', () => mongoProxy],
  ])('%s is slow and its connections are cut: each request is answered right, or 503', async (what, proxy) => {
    const letters = await openLetters(platform);
    proxy().delay(150);
    for (let cuts = 0; cuts < 12; cuts++) {
      proxy().cut();
      for (let reads = 0; reads < 2; reads++)
        expect([200, 401, 503]).toContain((await outage.read().catch(() => ({ status: 503 }))).status);
    }
    proxy().delay(0);
    await outage.recovered(letters, `after-slow-${what.toLowerCase()}`);
  });

  test('an export is whole although MongoDB is cut and Kafka restarts while it runs', async () => {
    const { id } = await findGroup(platform, await app.tokens.get(), organization.npi);
    let disturbed: Promise<void> | undefined;
    const disturb = async (): Promise<void> => {
      mongoProxy.cut();
      await kafka.kill(0);
      await kafka.startBroker(0);
      mongoProxy.cut();
      console.info('both engines are back');
    };
    const run = (): Promise<BulkResult> =>
      bulkExport({
        server: new Server(platform.base),
        token: () => app.tokens.get(),
        group: id,
        out: join(folder, 'disturbed'),
        onAccepted: () => {
          disturbed ??= disturb();
        },
      });
    const began = performance.now();
    const result = await eventually(run, { timeout: 480_000, interval: 1000 });
    console.info(`the disturbed export was whole after ${Math.round(performance.now() - began)} ms`);
    await disturbed;
    const verification = await verifyExport(result.files, payer, organization.npi, new Set());
    // The export has the resources of the ledger and those that these tests published.
    expect(withoutMarks(verification.faults)).toEqual([]);
    expect(verification.membersFound).toBe(verification.membersExpected);
  });

  test('at the end every view equals one built from scratch', async () => {
    const views = await eventually(() => rebuildAll(platform), { ...WAIT, interval: 1000 });
    expect(views.filter(({ equal }) => equal !== true)).toEqual([]);
  });
});
