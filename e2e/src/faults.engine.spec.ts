import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bulkExport, Server, verifyExport, type BulkResult } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import {
  eventually,
  startKafka,
  startMongo,
  tcpProxy,
  type Kafka,
  type Mongo,
  type TcpProxy,
} from '@provider-access/testing';
import { drawing } from '@provider-access/testing/promises';
import { variant } from '@provider-access/testing/variant';
import { administer, startDeployment, type Deployment, type DeploymentOptions } from './deployment.ts';
import type { ServiceName } from './gateway.ts';
import { publishAll, registerApp, type TestApp } from './harness.ts';
import { complete, openLetters, parkedIn, postStream, versionsOf, WAIT, written } from './interrupted.ts';
import { Outage, statusOf, watchReads, WITHOUT_KAFKA, WITHOUT_MONGODB, withoutMarks } from './outage.ts';
import { largest } from './payers.ts';
import { AS_OF, findGroup, http, optOut } from './road.ts';

/**
 * One fault of each kind, one after the other, on one deployment: `.ci/run` has no time for more. The suites
 * `engine-kills` and `outages` have many of each.
 */
describe('faults of one deployment', { timeout: 600_000 }, () => {
  const upTo = drawing(variant.seed);
  // Members with small histories: five whom one organization sees, and two others, one with a dead letter.
  const payer = syntheticPayer({ seed: 'world', members: [7, 9, 23, 42, 54, 58, 59], asOf: AS_OF });
  const organization = largest(payer);
  const [gone, member] = organization.visible.map((seen) => seen.member) as [string, string, ...string[]];
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-faults-'));
  /** Errors that no service expected. A 500 alone does not show what failed. */
  const unexpected: string[] = [];
  let kafka: Kafka;
  let kafkaProxy: TcpProxy;
  let mongo: Mongo;
  let platform: Deployment;
  let app: TestApp;
  const outage = new Outage({ platform: () => platform, app: () => app, member });

  const options = (): DeploymentOptions => ({
    dataDir: join(folder, 'data'),
    env: {
      KAFKA_BROKERS: kafka.brokers.join(),
      MONGODB_URI: `mongodb://127.0.0.1:${mongo.port}/?directConnection=true`,
      KAFKA_PARTITIONS: '2',
      EXPORT_CHUNK_MEMBERS: '1',
      EXPORT_POLLS_PER_MINUTE: '1000000',
      EXPORT_RUNNING_PER_CLIENT: '100',
      EXPORT_LEASE_SECONDS: '2',
    },
    onLine: (line) => void (line.includes('unexpected error') && unexpected.push(line)),
  });
  const killOne = async (service: ServiceName): Promise<void> =>
    platform.replace(platform.processes().find((process) => process.service === service)!);
  /** A client repeats each request that was answered 5xx or broke off while a process was missing. */
  const persistently = <T>(ask: () => Promise<T>): Promise<Exclude<T, false>> =>
    eventually(ask, { ...WAIT, timeout: 480_000 });
  const exported = (name: string, onAccepted?: (status: string) => void): Promise<BulkResult> =>
    persistently(async () =>
      bulkExport({
        server: new Server(platform.base),
        token: () => app.tokens.get(),
        group: (await findGroup(platform, await app.tokens.get(), organization.npi)).id,
        out: join(folder, name),
        ...(onAccepted !== undefined && { onAccepted }),
      }),
    );

  beforeAll(async () => {
    [kafka, mongo] = await Promise.all([
      startKafka({
        advertise: async (_broker, port) => (kafkaProxy = await tcpProxy({ target: { host: '127.0.0.1', port } })).port,
      }),
      startMongo(),
    ]);
    platform = await startDeployment(options());
    app = await registerApp(platform, { name: 'Faults', npi: organization.npi, tin: organization.tin });
  });
  afterAll(async () => {
    await platform?.kill();
    await Promise.all([kafkaProxy?.close(), kafka?.stop(), mongo?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  test('resources and then export are killed with -9: every acknowledged event is exported, once', async () => {
    const events = [...payer.events()];
    const point = 1 + upTo(events.length);
    let killing: Promise<void> | undefined;
    const { answered } = await postStream(platform, events, (rows) => {
      if (rows >= point) killing ??= killOne('resources');
    });
    await (killing ?? killOne('resources'));
    const { refused } = await persistently(() => publishAll(platform, events.slice(answered)));
    expect(refused).toEqual([]);
    const share = upTo(100) / 100;
    let disturbing: Promise<void> | undefined;
    const result = await exported('killed', (status) => {
      disturbing ??= (async () => {
        await written(status, await persistently(() => app.tokens.get()), share);
        await killOne('export');
      })();
      // Its failure is thrown where it is awaited.
      disturbing.catch(() => undefined);
    }).finally(() => disturbing?.catch(() => undefined)); // a process that still starts would outlive a failed test
    await disturbing;
    await complete(result, payer, organization.npi, new Set());
    expect(await versionsOf(result.files, payer, organization.npi)).toEqual([]);
    await eventually(async () => expect(await openLetters(platform)).toEqual(parkedIn(payer)), WAIT);
  });

  test('Kafka answers nothing: 503 after the bound, never a stale permit, and back by itself', async () => {
    await outage.signIn();
    await outage.passes({
      what: 'Kafka answers nothing',
      away: async () => kafkaProxy.pause(),
      back: async () => kafkaProxy.resume(),
      why: WITHOUT_KAFKA,
    });
  });

  test('MongoDB is lost for good: 503, then it is built again from the log, and exports are whole', async () => {
    await outage.effective('a member has left', () => optOut(gone));
    const token = await app.tokens.get();
    const stop = watchReads((id) => statusOf(platform, id, token), { denied: [gone], seen: member, unexpected });
    await mongo.stop();
    await outage.closed(WITHOUT_MONGODB);
    await platform.kill();
    mongo = await startMongo();
    expect(await administer(options(), 'views', 'apply')).not.toBe('');
    platform = await startDeployment({ ...options(), port: platform.gateway.port, untilReady: false });
    await outage.ready();
    await stop();
    // Earlier tokens are valid: keys are secrets, and apps are in the log.
    const decided = (id: string): Promise<number> =>
      eventually(async () => {
        const status = await statusOf(platform, id, token);
        return status !== 503 && status;
      }, WAIT);
    expect([await decided(gone), await decided(member)]).toEqual([404, 200]);
    const { files } = await exported('restored');
    const { faults, optedOutFound } = await verifyExport(files, payer, organization.npi, new Set([gone]));
    expect([withoutMarks(faults), optedOutFound]).toEqual([[], 0]);
    // New decisions build on the earlier state: known events change nothing.
    await outage.effective('the opt-out is known', () => optOut(gone));
    expect((await http(`${platform.base}/fhir/Patient/${gone}`, { token })).status).toBe(404);
  });
});
