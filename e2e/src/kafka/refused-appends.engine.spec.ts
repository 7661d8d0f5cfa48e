import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { awaitReceipt, Server } from '@provider-access/cli';
import { toStructured, type DomainEvent } from '@provider-access/events';
import { eventually, startKafka, startMongo, type Kafka, type Mongo } from '@provider-access/testing';
import { startDeployment, type Deployment } from '../deployment.ts';
import { publishAll, registerApp, type TestApp } from '../harness.ts';
import { PATIENT, WAIT } from '../interrupted.ts';
import { http, json, optOut, payerEvent, type EventRow, type HttpAnswer } from '../road.ts';

/**
 * Kafka answers, and refuses every append, because each topic needs more replicas in sync than there are. One broker
 * cannot show that, because Kafka lowers `min.insync.replicas` to the number of replicas of a topic.
 */
const NPI = '1234567893';
const MEMBER = 'refused-1';
const DECLARED = '2';
const folder = mkdtempSync(join(tmpdir(), 'provider-access-refused-'));
let kafka: Kafka;
let mongo: Mongo;
let platform: Deployment;
let app: TestApp;

beforeAll(async () => {
  [kafka, mongo] = await Promise.all([startKafka({ brokers: 3 }), startMongo()]);
  platform = await startDeployment({
    dataDir: join(folder, 'data'),
    env: {
      KAFKA_BROKERS: kafka.brokers.join(),
      KAFKA_PARTITIONS: '1',
      KAFKA_REPLICATION: '3',
      KAFKA_MIN_INSYNC_REPLICAS: DECLARED,
      MONGODB_URI: `mongodb://127.0.0.1:${mongo.port}/?directConnection=true`,
      ...PATIENT,
    },
  });
  await publishAll(platform, [
    payerEvent('payer.network-status-changed.v1', NPI, { npi: NPI, status: 'in-network', from: '2000-01-01' }),
    recorded({ resourceType: 'Patient', id: MEMBER, gender: 'female' }),
    payerEvent('payer.member-enrolled.v1', MEMBER, { coverageId: 'cov-refused', from: '2020-01-01' }),
    payerEvent('payer.attribution-asserted.v1', MEMBER, { provider: { npi: NPI }, from: '2020-01-01' }),
  ]);
  app = await registerApp(platform, { name: 'Clinic', npi: NPI });
  await eventually(async () => expect((await read()).status).toBe(200), WAIT);
}, 600_000);
afterAll(async () => {
  await platform?.kill();
  await Promise.all([kafka?.stop(), mongo?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

function recorded(resource: object): DomainEvent {
  return payerEvent('payer.resource-recorded.v1', MEMBER, { resource });
}
function observation(id: string): DomainEvent {
  const subject = { reference: `Patient/${MEMBER}` };
  const code = { text: 'Test' };
  return recorded({ resourceType: 'Observation', id, status: 'final', code, subject, effectiveDateTime: '2024-02-03' });
}
const read = async (resource = `Patient/${MEMBER}`): Promise<HttpAnswer> =>
  http(`${platform.base}/fhir/${resource}`, { token: await app.tokens.get() });
interface Row extends EventRow {
  readonly code: number;
  readonly text: string;
}
async function post(event: DomainEvent): Promise<Row> {
  const answer = await http(`${platform.base}/events`, {
    method: 'POST',
    token: platform.payerToken,
    headers: { 'content-type': 'application/cloudevents+json' },
    body: JSON.stringify(toStructured(event)),
  });
  return { ...json<EventRow>(answer), code: answer.status, text: answer.body.toString('utf8') };
}
const readiness = async (): Promise<{ status: number; text: string }> => {
  const { status, body } = await http(`${platform.base}/health/ready`);
  return { status, text: body.toString('utf8') };
};

const operator = (): kafkajs.Admin =>
  new kafkajs.Kafka({ brokers: [...kafka.brokers], clientId: 'operator', logLevel: kafkajs.logLevel.NOTHING }).admin();
/** Sets so many in-sync replicas for every topic of the platform. */
async function demand(replicas: string): Promise<void> {
  const admin = operator();
  await admin.connect();
  const { TOPIC } = kafkajs.ConfigResourceTypes;
  const configNames = ['cleanup.policy', 'retention.ms', 'max.message.bytes', 'message.timestamp.type'];
  for (const name of (await admin.listTopics()).filter((topic) => !topic.startsWith('__'))) {
    // kafkajs sets all settings of a topic at once: settings that are not named return to their defaults.
    const asked = [{ type: TOPIC, name, configNames }];
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: asked });
    const [topic] = resources;
    const kept = topic!.configEntries.map(({ configName, configValue }) => ({ name: configName, value: configValue }));
    const configEntries = [...kept, { name: 'min.insync.replicas', value: replicas }];
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: TOPIC, name, configEntries }] });
  }
  await admin.disconnect();
}
/** How many records the payer's topics hold. While a partition has no leader, kafkajs finds no offsets of it. */
const published = (): Promise<number> => eventually(countPublished, WAIT);
async function countPublished(): Promise<number> {
  const admin = operator();
  await admin.connect();
  const topics = (await admin.listTopics()).filter((topic) => topic.includes('payer.'));
  const asked = Promise.all(topics.map((topic) => admin.fetchTopicOffsets(topic)));
  const offsets = await asked.finally(() => admin.disconnect());
  expect(topics.length).toBeGreaterThan(0);
  return offsets.flat().reduce((sum, { high }) => sum + Number(high), 0);
}

test('is not ready while Kafka refuses every append, and is ready again by itself', { timeout: 900_000 }, async () => {
  /** Receipts of acknowledged events, by the id of the resource. */
  const acknowledged = new Map<string, string>();
  const offer = async (id: string): Promise<boolean> => {
    const { code, receipt } = await post(observation(id));
    if (code < 300) acknowledged.set(id, receipt);
    return code < 300;
  };
  // Nobody notices that a broker is missing.
  await kafka.kill(2);
  await eventually(() => offer('with-two'), WAIT);
  await eventually(async () => expect((await readiness()).status).toBe(200), WAIT);

  const offering = Promise.all(Array.from({ length: 20 }, (_, i) => offer(`meanwhile-${i}`)));
  await demand('3');
  await offering;
  const refused = await post(optOut(MEMBER));
  expect(refused).toMatchObject({ code: 503 });
  expect(refused.status).not.toBe('effective');
  expect(refused.text).toMatch(/repeat/i);
  await eventually(async () => {
    const { status, text } = await readiness();
    expect(status).toBe(503);
    expect(text).toMatch(/"resources","check":"log","detail":"nothing can be appended \(Kafka: .*NOT_ENOUGH_REPLICAS/);
  }, WAIT);
  expect((await http(`${platform.base}/health/live`)).status).toBe(200);
  for (const { child } of platform.processes()) expect([child.exitCode, child.signalCode]).toEqual([null, null]);

  const before = await published();
  await demand(DECLARED);
  await eventually(async () => expect((await readiness()).status).toBe(200), WAIT);
  expect(await published()).toBe(before);
  for (const [id, receipt] of acknowledged) {
    const { counts } = await awaitReceipt(new Server(platform.base), platform.payerToken, receipt, 1);
    // `unchanged`: the log accepted the record and then refused its outcome, so intake repeated the batch.
    expect([{ recorded: 1 }, { unchanged: 1 }]).toContainEqual(counts);
    await eventually(async () => expect((await read(`Observation/${id}`)).status).toBe(200), WAIT);
  }
  await eventually(async () => expect((await post(optOut(MEMBER))).status).toBe('effective'), WAIT);
  expect((await read()).status).toBe(404);
});
