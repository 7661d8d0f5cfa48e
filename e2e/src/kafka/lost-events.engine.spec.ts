import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeEvent, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { eventually, startKafka, startMongo, type Kafka, type Mongo } from '@provider-access/testing';
import { administer, startDeployment, type Deployment, type DeploymentOptions } from '../deployment.ts';
import { publishAll, registerApp, type TestApp } from '../harness.ts';
import { PATIENT, WAIT } from '../interrupted.ts';
import { http, optOut, payerEvent, tell } from '../road.ts';

/** Retention removes an opt-out that nobody has read. Access stops for everybody until an operator accepts the loss. */
const NPI = '1234567893';
const MEMBERS = ['lost-1', 'lost-2'] as const;
const folder = mkdtempSync(join(tmpdir(), 'provider-access-lost-'));
let kafka: Kafka;
let mongo: Mongo;
let platform: Deployment;
let app: TestApp;
const options = (): DeploymentOptions => ({
  dataDir: join(folder, 'data'),
  env: {
    KAFKA_BROKERS: kafka.brokers.join(),
    MONGODB_URI: `mongodb://127.0.0.1:${mongo.port}/?directConnection=true`,
    ...PATIENT,
  },
});
const read = (member: string, token: string): Promise<number> =>
  http(`${platform.base}/fhir/Patient/${member}`, { token }).then(
    ({ status }) => status,
    () => 503,
  );
const readiness = async (): Promise<string> => (await http(`${platform.base}/health/ready`)).body.toString('utf8');

beforeAll(async () => {
  [kafka, mongo] = await Promise.all([startKafka(), startMongo()]);
  platform = await startDeployment(options());
  await publishAll(platform, [
    payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2000-01-01' }),
    ...MEMBERS.flatMap((id) => [
      payerEvent('payer.resource-recorded.v1', id, { resource: { resourceType: 'Patient', id, gender: 'female' } }),
      payerEvent('payer.member-enrolled.v1', id, { coverageId: `cov-${id}`, from: '2020-01-01' }),
      payerEvent('payer.attribution-asserted.v1', id, { provider: { npi: NPI }, from: '2020-01-01' }),
    ]),
  ]);
  app = await registerApp(platform, { name: 'Clinic', npi: NPI });
  const token = await app.tokens.get();
  for (const member of MEMBERS) await eventually(async () => expect(await read(member, token)).toBe(200), WAIT);
}, 600_000);
afterAll(async () => {
  await platform?.kill();
  await Promise.all([kafka?.stop(), mongo?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** Appends an event while the platform is stopped, and lets retention remove everything in its partition. */
async function appendAndLose(): Promise<void> {
  const client = new kafkajs.Kafka({
    brokers: [...kafka.brokers],
    clientId: 'payer',
    logLevel: kafkajs.logLevel.NOTHING,
  });
  const [admin, producer] = [
    client.admin(),
    client.producer({ allowAutoTopicCreation: false, createPartitioner: kafkajs.Partitioners.DefaultPartitioner }),
  ];
  await Promise.all([admin.connect(), producer.connect()]);
  const topic = (await admin.listTopics()).find((name) => name.endsWith(PAYER_MEMBER_EVENTS))!;
  const { key, headers, value } = encodeEvent(optOut(MEMBERS[0]));
  const [sent] = await producer.send({
    topic,
    acks: -1,
    messages: [{ key, headers: { ...headers }, value: Buffer.from(value) }],
  });
  await admin.fetchTopicMetadata({ topics: [topic] });
  await admin.deleteTopicRecords({
    topic,
    partitions: [{ partition: sent!.partition, offset: String(Number(sent!.baseOffset) + 1) }],
  });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
}

test(
  'nobody is seen until the loss is accepted; then everybody is as what is left says',
  { timeout: 600_000 },
  async () => {
    await platform.kill();
    await appendAndLose();
    platform = await startDeployment({ ...options(), port: platform.gateway.port, untilReady: false });
    await eventually(
      async () =>
        expect(await readiness()).toMatch(
          /-intake has lost events: payer\.member-events\/\d+: retention removed records/,
        ),
      WAIT,
    );
    const token = await eventually(() => app.tokens.get(), WAIT);
    // The heads alone look as if everything had been read, at each poll.
    let looks = 0;
    await eventually(async () => {
      expect([await read(MEMBERS[0], token), await read(MEMBERS[1], token)]).toEqual([503, 503]);
      expect(await readiness()).toContain('"ready":false');
      return ++looks > 20;
    }, WAIT);
    const accepted = await administer(options(), 'topics', 'accept-loss', '--reason', 'the payer publishes it again');
    for (const group of ['consent-intake', 'attribution-intake', 'resources-intake']) expect(accepted).toContain(group);
    await eventually(async () => expect(await readiness()).not.toContain('"ready":false'), WAIT);
    expect(await administer(options(), 'topics', 'accept-loss', '--reason', 'again')).toContain('Nothing was lost');
    const fresh = await eventually(() => app.tokens.get(), WAIT);
    await eventually(async () => expect(await read(MEMBERS[1], fresh)).toBe(200), WAIT);
    await eventually(async () => expect((await tell(platform, optOut(MEMBERS[0]))).status).toBe('effective'), WAIT);
    expect([await read(MEMBERS[0], fresh), await read(MEMBERS[1], fresh)]).toEqual([404, 200]);
  },
);
