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
import { variant } from '@provider-access/testing/variant';
import { startDeployment, type Deployment } from './deployment.ts';
import { publishAll, registerApp, type TestApp } from './harness.ts';
import { openLetters, seenPayer, WAIT } from './interrupted.ts';
import { findGroup, http, optIn, optOut, payerEvent, tell, type HttpAnswer } from './road.ts';
import { rebuildAll } from './views.ts';

/** The default of FACTS_BOUND_MS: with older facts a service answers 503. */
const BOUND_MS = 5000;

interface Outage {
  readonly what: string;
  readonly away: () => Promise<void>;
  readonly back: () => Promise<void>;
  /** The check that readiness names. */
  readonly why: RegExp;
  /** These also run in `.ci/run`. The others differ from them only in how TCP ends. */
  readonly always?: boolean;
}

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
  let token: string;

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
    token = await app.tokens.get();
    // Handled comes before visible.
    await eventually(async () => expect((await decided()).status).toBe(200), WAIT);
  });
  afterAll(async () => {
    await platform?.kill();
    await Promise.all([kafkaProxy?.close(), mongoProxy?.close(), kafka?.stop(), mongo?.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });

  const read = (): Promise<HttpAnswer> => http(`${platform.base}/fhir/Patient/${member}`, { token });
  /**
   * The first answer that is not "503, repeat the request". A machine that is too slow for the bound rightly gets such
   * answers.
   */
  const decided = (): Promise<HttpAnswer> =>
    eventually(
      async () => {
        const answer = await read();
        if (answer.status !== 503) return answer;
        expect(answer.headers['retry-after']).toMatch(/^\d+$/);
        return false;
      },
      { what: 'a read is decided', ...WAIT },
    );
  const readiness = async (): Promise<{ status: number; text: string }> => {
    const answer = await http(`${platform.base}/health/ready`);
    return { status: answer.status, text: answer.body.toString('utf8') };
  };
  /** Seconds, of the process with the youngest facts. */
  const factsAge = async (): Promise<number> => {
    const text = (await http(`${platform.base}/metrics`)).body.toString('utf8');
    const ages = [...text.matchAll(/^pa_facts_age_seconds\{[^}]*\} (\S+)/gm)].map(([, age]) => Number(age));
    return ages.length === 0 ? 0 : Math.min(...ages);
  };
  const effective = (what: string, event: () => ReturnType<typeof optOut>): Promise<void> =>
    // Right after an engine comes back, an answer may be only `accepted`. The event takes effect when it is published
    // again.
    eventually(async () => expect((await tell(platform, event())).status).toBe('effective'), { what, ...WAIT });

  /** Not ready, reads are 503 with Retry-After, still alive, and no process ended. */
  async function closed(why: RegExp): Promise<void> {
    // Readiness first: a read that was permitted before the facts got too old waits up to 30 s for its audit record,
    // until Kafka answers.
    await eventually(async () => {
      const { status, text } = await readiness();
      expect(status).toBe(503);
      expect(text).toMatch(why);
    }, WAIT);
    await eventually(async () => expect(await factsAge()).toBeGreaterThan(BOUND_MS / 1000), WAIT);
    for (let reads = 0; reads < 3; reads++) {
      const { status, headers } = await read();
      expect(status).toBe(503);
      expect(headers['retry-after']).toMatch(/^\d+$/);
    }
    expect((await http(`${platform.base}/health/live`)).status).toBe(200);
    for (const { child } of platform.processes()) expect([child.exitCode, child.signalCode]).toEqual([null, null]);
  }
  /** Everything continues by itself: reads, an event that is published now, an opt-out. */
  async function recovered(letters: ReadonlySet<string>, mark: string): Promise<void> {
    await eventually(async () => expect((await readiness()).status).toBe(200), WAIT);
    token = await eventually(() => app.tokens.get(), WAIT);
    expect((await decided()).status).toBe(200);
    const resource = {
      resourceType: 'Observation',
      id: mark,
      status: 'final',
      code: { text: 'Test' },
      subject: { reference: `Patient/${member}` },
      effectiveDateTime: '2024-02-03',
    };
    const event = payerEvent('payer.resource-recorded.v1', member, { resource });
    await eventually(async () => expect((await tell(platform, event)).status).toBe('accepted'), WAIT);
    await eventually(
      async () => expect((await http(`${platform.base}/fhir/Observation/${mark}`, { token })).status).toBe(200),
      WAIT,
    );
    await effective('the opt-out is effective', () => optOut(member));
    // Never 200, however slow the machine is.
    expect((await decided()).status).toBe(404);
    await effective('the opt-in is effective', () => optIn(member));
    expect((await decided()).status).toBe(200);
    expect(await openLetters(platform)).toEqual(letters);
  }

  const OUTAGES: readonly Outage[] = [
    { what: 'Kafka is killed', away: () => kafka.kill(0), back: () => kafka.startBroker(0), why: /kafka|log|facts/i },
    {
      what: 'Kafka is stopped',
      away: () => kafka.stopBroker(0),
      back: () => kafka.startBroker(0),
      why: /kafka|log|facts/i,
    },
    {
      what: 'Kafka answers nothing',
      away: async () => kafkaProxy.pause(),
      back: async () => kafkaProxy.resume(),
      why: /kafka|log|facts/i,
      always: true,
    },
    {
      what: 'MongoDB is killed',
      away: () => mongo.kill(),
      back: () => mongo.start(),
      why: /mongo|view|facts|store/i,
      always: true,
    },
    {
      what: 'MongoDB answers nothing',
      away: async () => mongoProxy.pause(),
      back: async () => mongoProxy.resume(),
      why: /mongo|view|facts|store/i,
    },
  ];
  test.each(OUTAGES.filter(({ always }) => always === true || variant.long))(
    '$what: 503 after the bound, never a stale permit, and back by itself',
    async ({ what, away, back, why }) => {
      const began = performance.now();
      const after = (): number => Math.round(performance.now() - began);
      const letters = await openLetters(platform);
      const memory = platform.memory();
      await away();
      // A payer publishes an opt-out meanwhile. Its request may last until the engine is back.
      let row: string | undefined;
      const leaving = tell(platform, optOut(member)).then(
        ({ status }) => (row = status),
        () => undefined,
      );
      await closed(why);
      const closedMs = after();
      // It is not acknowledged as effective while that is unknown. The payer repeats what was not acknowledged.
      expect(row).not.toBe('effective');
      expect(platform.memory()).toBeLessThan(memory + 250e6);
      await back();
      const backMs = after();
      await leaving;
      const answeredMs = after();
      await eventually(async () => expect((await readiness()).status).toBe(200), WAIT);
      const readyMs = after();
      await effective('the member is back', () => optIn(member));
      await recovered(letters, `after-${what.toLowerCase().replaceAll(' ', '-')}`);
      console.info(
        `${what}: closed after ${closedMs} ms, back after ${backMs}, the open request answered after ${answeredMs},`,
        `ready after ${readyMs}, all done after ${after()}`,
      );
    },
  );

  if (variant.long)
    test.each([
      ['Kafka', () => kafkaProxy],
      ['MongoDB', () => mongoProxy],
    ])('%s is slow and its connections are cut: each request is answered right, or 503', async (what, proxy) => {
      const letters = await openLetters(platform);
      proxy().delay(150);
      for (let cuts = 0; cuts < 12; cuts++) {
        proxy().cut();
        for (let reads = 0; reads < 2; reads++)
          expect([200, 401, 503]).toContain((await read().catch(() => ({ status: 503 }))).status);
      }
      proxy().delay(0);
      await recovered(letters, `after-slow-${what.toLowerCase()}`);
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
    expect(
      verification.faults.filter((fault) => !/^Observation\/after-[a-z-]+ should not be there$/.test(fault)),
    ).toEqual([]);
    expect(verification.membersFound).toBe(verification.membersExpected);
  });

  if (variant.long)
    test('at the end every view equals one built from scratch', async () => {
      const views = await eventually(() => rebuildAll(platform), { ...WAIT, interval: 1000 });
      expect(views.filter(({ equal }) => equal !== true)).toEqual([]);
    });
});
