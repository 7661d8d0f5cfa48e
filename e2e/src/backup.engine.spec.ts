import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { bulkExport, Server, verifyExport, type BulkResult } from '@provider-access/cli';
import { eventually, startKafka, startMongo, type Kafka, type Mongo } from '@provider-access/testing';
import { administer, startDeployment, type Deployment, type DeploymentOptions } from './deployment.ts';
import { publishAll, registerApp, type TestApp } from './harness.ts';
import { openLetters, parkedIn, PATIENT, seenPayer, WAIT } from './interrupted.ts';
import { statusOf, watchReads } from './outage.ts';
import { findGroup, http, optOut, payerEvent, tell } from './road.ts';
import { rebuildAll } from './views.ts';

/**
 * docs/backup.md, step by step, on engines that are lost for good, in the suite `outages`. `faults.engine.spec.ts`
 * loses MongoDB in `.ci/run`.
 */
describe('backup and restore', { timeout: 600_000 }, () => {
  const { payer, organization } = seenPayer({ seed: 'restored', members: 14 });
  const [gone, goneLater, member, ...others] = organization.visible.map((m) => m.member) as [
    string,
    string,
    string,
    ...string[],
  ];
  const folder = mkdtempSync(join(tmpdir(), 'provider-access-backup-'));
  const copy = join(folder, 'copy');
  const engines: { stop(): Promise<unknown> }[] = [];
  /** What the payer publishes after the copy began. A restore needs it from the payer again. */
  const since: DomainEvent[] = [];
  /** Errors that no service expected. A 500 alone does not show what failed. */
  const unexpected: string[] = [];
  let kafka: Kafka;
  let mongo: Mongo;
  let platform: Deployment;
  let app: TestApp;
  let port: number;

  const newKafka = async (): Promise<void> => void engines.push((kafka = await startKafka()));
  const newMongo = async (): Promise<void> => void engines.push((mongo = await startMongo()));
  const options = (): DeploymentOptions => ({
    dataDir: join(folder, 'data'),
    port,
    env: {
      KAFKA_BROKERS: kafka.brokers.join(),
      MONGODB_URI: `mongodb://127.0.0.1:${mongo.port}/?directConnection=true`,
      ...PATIENT,
      EXPORT_CHUNK_MEMBERS: '1',
      EXPORT_POLLS_PER_MINUTE: '1000000',
      EXPORT_RUNNING_PER_CLIENT: '100',
      EXPORT_LEASE_SECONDS: '2',
    },
  });
  const start = async (untilReady = true): Promise<void> => {
    platform = await startDeployment({
      ...options(),
      untilReady,
      onLine: (line) => void (line.includes('unexpected error') && unexpected.push(line)),
    });
  };
  const read = (id: string, token: string): Promise<number> => statusOf(platform, id, token);
  /**
   * The first answer that is not "503, repeat the request". A machine that is too slow for the bound may get such
   * answers.
   */
  const decided = (id: string, token: string): Promise<number> =>
    eventually(
      async () => {
        const status = await read(id, token);
        return status !== 503 && status;
      },
      { what: 'a read is decided', ...WAIT },
    );
  const effective = (member: string): Promise<void> =>
    eventually(
      async () => expect((await tell(platform, optOut(member))).status).toMatch(/^(unchanged|effective)$/),
      WAIT,
    );
  const readiness = async (): Promise<string> => (await http(`${platform.base}/health/ready`)).body.toString('utf8');
  const published = async (event: DomainEvent): Promise<void> => {
    since.push(event);
    await tell(platform, event);
  };
  const observation = (id: string): DomainEvent =>
    payerEvent('payer.resource-recorded.v1', member, {
      resource: {
        resourceType: 'Observation',
        id,
        status: 'final',
        code: { text: id },
        subject: { reference: `Patient/${member}` },
        effectiveDateTime: '2024-02-03',
      },
    });
  const exported = async (out: string): Promise<BulkResult> =>
    bulkExport({
      server: new Server(platform.base),
      token: () => app.tokens.get(),
      group: (await findGroup(platform, await app.tokens.get(), organization.npi)).id,
      out: join(folder, out),
    });
  const rebuiltEqual = async (): Promise<void> =>
    expect((await rebuildAll(platform)).filter(({ equal }) => equal !== true)).toEqual([]);
  const watch = (token: string, denied: readonly string[]): (() => Promise<void>) =>
    watchReads((id) => read(id, token), { denied, seen: others[0]!, unexpected });

  beforeAll(async () => {
    await newKafka();
    await newMongo();
    await start();
    port = platform.gateway.port;
    await publishAll(platform, payer.events());
    app = await registerApp(platform, { name: 'Restored', npi: organization.npi, tin: organization.tin });
    await effective(gone);
    // An accepted event is not visible yet.
    const token = await app.tokens.get();
    await eventually(async () => expect(await read(others[0]!, token)).toBe(200), WAIT);
  });
  afterAll(async () => {
    await platform?.kill();
    await Promise.all(engines.map((engine) => engine.stop()));
    rmSync(folder, { recursive: true, force: true });
  });

  test(
    'MongoDB is lost for good: it is built again from the log, nobody has to tell anything again, and exports are ' +
      'whole',
    async () => {
      const token = await app.tokens.get();
      const watching = watch(token, [gone]);
      await mongo.stop();
      await eventually(async () => expect(await read(others[0]!, token)).toBe(503), WAIT);
      await platform.kill();
      await newMongo();
      const began = performance.now();
      expect(await administer(options(), 'views', 'apply')).not.toBe('');
      await start(false);
      await eventually(async () => expect(await readiness()).not.toContain('"ready":false'), WAIT);
      console.info(`MongoDB built from the log after ${Math.round(performance.now() - began)} ms`);
      await watching();
      // Earlier tokens are valid: keys are secrets, and apps are in the log.
      expect([await decided(gone, token), await decided(others[0]!, token)]).toEqual([404, 200]);
      const { files } = await exported('mongodb-lost');
      const verification = await verifyExport(files, payer, organization.npi, new Set([gone]));
      expect([verification.faults, verification.optedOutFound]).toEqual([[], 0]);
      await rebuiltEqual();
      // New decisions build on the earlier state: known events change nothing, and consent continues from where it was.
      await effective(gone);
      expect(await decided(gone, token)).toBe(404);
    },
  );

  test(
    'Kafka is lost for good, and MongoDB knows more than the copy: nothing is read until it is built from the ' +
      'copy',
    async () => {
      const began = performance.now();
      expect(await administer(options(), 'topics', 'dump', copy)).toMatch(/Copied as of/);
      console.info(`topics copied in ${Math.round(performance.now() - began)} ms`);
      await published(optOut(goneLater));
      await published(observation('after-the-copy'));
      const token = await app.tokens.get();
      await eventually(async () => expect(await read(goneLater, token)).toBe(404), WAIT);
      await platform.kill();
      await kafka.stop();
      await newKafka();
      expect(await administer(options(), 'topics', 'load', copy)).toMatch(/Restored as of/);
      await start(false);
      const seen = new Set<number>();
      const readAll = async (): Promise<void> => {
        for (const id of [gone, goneLater, others[0]!]) seen.add(await read(id, token));
      };
      await eventually(async () => {
        await readAll();
        expect(await readiness()).toMatch(/an older copy of the log was restored/);
      }, WAIT);
      for (let reads = 0; reads < 3; reads++) await readAll();
      expect([...seen]).toEqual([503]);
      await platform.kill();
    },
  );

  test('the procedure: start MongoDB empty, let payers re-send what came after the copy, then accept', async () => {
    const token = await app.tokens.get().catch(() => '');
    await mongo.stop();
    const began = performance.now();
    await newMongo();
    rmSync(join(folder, 'data/applied'));
    await start(false);
    const watching = watch(token, [gone, goneLater]);
    await eventually(
      async () => expect(await readiness()).toMatch(/the log was restored from a copy of .*topics accept/),
      WAIT,
    );
    const meanwhile = await eventually(() => app.tokens.get(), WAIT);
    expect([await read(goneLater, meanwhile), await read(others[0]!, meanwhile)]).toEqual([503, 503]);
    for (const event of since)
      await eventually(
        async () => expect((await tell(platform, event)).status).toMatch(/^(accepted|effective)$/),
        WAIT,
      );
    await eventually(() => administer(options(), 'topics', 'accept', '--reason', 'published again since the copy'), {
      ...WAIT,
      interval: 1000,
    });
    await eventually(async () => expect(await readiness()).not.toContain('"ready":false'), WAIT);
    console.info(`both engines rebuilt from the copy after ${Math.round(performance.now() - began)} ms`);
    await watching();
    const fresh = await eventually(() => app.tokens.get(), WAIT);
    expect([await decided(gone, fresh), await decided(goneLater, fresh), await decided(others[0]!, fresh)]).toEqual([
      404, 404, 200,
    ]);
    await eventually(
      async () =>
        expect((await http(`${platform.base}/fhir/Observation/after-the-copy`, { token: fresh })).status).toBe(200),
      WAIT,
    );
    const { files } = await exported('restored');
    const verification = await verifyExport(files, payer, organization.npi, new Set([gone, goneLater]));
    expect(verification.faults.filter((fault) => !fault.startsWith('Observation/after-the-copy '))).toEqual([]);
    expect(verification.optedOutFound).toBe(0);
    await rebuiltEqual();
    expect(await openLetters(platform)).toEqual(parkedIn(payer));
  });
});
