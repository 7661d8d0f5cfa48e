import { randomBytes } from 'node:crypto';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EventLog } from '@provider-access/engines/log';
import { applyTopics, openKafkaLog } from '@provider-access/engines/log/kafka';
import { ProjectionSet, type Views } from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import {
  encodeEvent,
  PA_ATTESTATIONS,
  PA_ATTRIBUTION,
  PA_CONSENT,
  PA_DIRECTORY,
  PA_MEMBERS,
  PA_PROVIDERS,
  PA_REGISTRY,
} from '@provider-access/events';
import { FactsHistory, FactsStale, history } from '@provider-access/facts';
import { eventually, type Kafka, startKafka } from '@provider-access/testing';

/**
 * Retention of Kafka removes records of members and apps (APPS.md P15). The history answers from its view, says what it
 * cannot know, and never takes a record that is gone for a fact that was not there.
 */

const TOPICS = [
  ...[PA_MEMBERS, PA_ATTRIBUTION, PA_CONSENT, PA_ATTESTATIONS],
  ...[PA_REGISTRY, PA_PROVIDERS, PA_DIRECTORY],
];
const LONG_AGO = '2020-01-01T00:00:00.000Z';
const PROVIDER = 'npi|1000000001';
const logger = { error: () => undefined, info: () => undefined, warn: () => undefined };
const parties = { client: () => undefined, holdsUntilNotice: false };

let kafka: Kafka;
let log: EventLog;
const topicPrefix = `${randomBytes(4).toString('hex')}.`;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  kafka = await startKafka();
  const connection = { brokers: kafka.brokers, clientId: 'test', topicPrefix, groupPrefix: topicPrefix };
  const common = { partitions: 1, replication: 1, minInsyncReplicas: 1, maxMessageBytes: 1024 * 1024 };
  await applyTopics(
    connection,
    TOPICS.map((name) => ({ ...common, name, retentionMs: 'unlimited' as const, compacted: false })),
  );
  log = await openKafkaLog({ ...connection, pollMs: 50 });
});
afterAll(async () => {
  for (const close of closing.toReversed()) await close();
  await log?.close();
  await kafka?.stop();
});

let sent = 0;
async function says(topic: string, type: string, subject: string, data: object): Promise<void> {
  const time = new Date().toISOString();
  const event = { id: `e-${(sent += 1)}`, source: 'urn:test', type, time, subject, data };
  await log.append(topic, [encodeEvent({ ...event, extensions: { pasource: 'urn:payer' } }, { key: subject })]);
}
/** Removes everything of a topic, as retention does. */
async function removed(topic: string): Promise<number> {
  const admin = new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  const name = `${topicPrefix}${topic}`;
  const [before] = await admin.fetchTopicOffsets(name);
  await admin.deleteTopicRecords({ topic: name, partitions: [{ partition: 0, offset: before!.high }] });
  const [after] = await admin.fetchTopicOffsets(name);
  await admin.disconnect();
  return Number(after!.low);
}
/** The history of a process that starts now, over these views. */
const historyOf = (views: Views): FactsHistory => new FactsHistory({ log, views, parties });
/** The present instant. Nothing else has it. */
async function instantBetween(): Promise<string> {
  const passed = (since: number): Promise<unknown> => eventually(() => Date.now() > since, { interval: 1 });
  await passed(Date.now());
  const now = Date.now();
  await passed(now);
  return new Date(now).toISOString();
}

test('P15 what retention removed is answered from the view, or unknown, and never denied', async () => {
  const views = openMemoryViews();
  const projections = new ProjectionSet({ log, views, projections: [history], logger });
  await projections.start();
  closing.push(
    () => projections.stop(),
    () => views.close(),
  );
  const start = await instantBetween();
  const times = { from: LONG_AGO, businessTime: LONG_AGO };
  await says(PA_REGISTRY, 'pa.app-approved.v1', 'c1', {
    ...{ client: 'c1', providers: [PROVIDER], scope: 'system/*.rs', by: 'test' },
  });
  await says(PA_PROVIDERS, 'pa.network-status-recorded.v1', PROVIDER, {
    ...{ provider: PROVIDER, status: 'in-network', ...times },
  });
  const before = await instantBetween();
  await says(PA_MEMBERS, 'pa.coverage-changed.v1', 'm1', { member: 'm1', coverageId: 'c', sequence: 0, ...times });
  await says(PA_ATTRIBUTION, 'pa.member-attributed.v1', 'm1', {
    ...{ member: 'm1', group: 'g', providers: [PROVIDER], ...times },
  });
  const visible = await instantBetween();
  await says(PA_CONSENT, 'pa.opted-out.v1', 'm1', {
    ...{ member: 'm1', scope: 'global', effective: LONG_AGO, businessTime: LONG_AGO, setBy: 'member' },
  });
  const after = await instantBetween();

  const verdicts = async (past: FactsHistory): Promise<readonly string[]> => {
    await past.settled();
    const said: string[] = [];
    for (const at of [before, visible, after]) {
      const { decision } = await past.decide('c1', 'm1', { at, known: at });
      said.push('unknownBefore' in decision ? 'unknown' : decision.permit ? 'permit' : decision.reason);
    }
    return said;
  };
  const expected = ['member-unknown', 'permit', 'opted-out'];
  expect(await verdicts(historyOf(views))).toEqual(expected);
  for (const topic of [PA_MEMBERS, PA_ATTRIBUTION, PA_CONSENT, PA_REGISTRY]) expect(await removed(topic)).toBe(1);
  // Of this process, and of one that starts later.
  expect(await verdicts(historyOf(views))).toEqual(expected);
  // Before the first record nothing is known. The view still has when that was.
  const { decision } = await historyOf(views).decide('c1', 'm1', { at: start, known: start });
  expect(decision).toEqual({ unknownBefore: expect.any(String) });
  const { unknownBefore } = decision as { unknownBefore: string };
  expect(unknownBefore > start && unknownBefore < before).toBe(true);

  // A view that is built now has lost them. It stops in front of the loss, and nothing is answered from it.
  const others = openMemoryViews();
  const late = new ProjectionSet({ log, views: others, projections: [history], logger });
  closing.push(
    () => late.stop(),
    () => others.close(),
  );
  void late.start();
  await expect(historyOf(others).settled()).rejects.toThrow(FactsStale);
}, 180_000);
