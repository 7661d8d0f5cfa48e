import { randomUUID } from 'node:crypto';
import { TOPICS, topicSettings } from '@provider-access/events';
import { applyTopics, openKafkaLog, type KafkaConnection } from '@provider-access/engines/log/kafka';
import { openMongoState } from '@provider-access/engines/state/mongo';
import { sharedKafka, sharedMongo } from '@provider-access/testing';
import { openMongoViews } from '@provider-access/engines/views/mongo';
import { explainShapes, whyNotAsked } from '@provider-access/engines/views/mongo/testing';
import { beforeAll, expect, test } from 'vitest';
import { desiredTopics } from '../src/config.ts';
import { run } from '../src/program.ts';
import { PROJECTIONS } from '../src/services.ts';
import { declaredFromEnv } from '../src/engines.ts';

/** A former view stays where the release before has made it, and nobody creates it. */
const CREATED = PROJECTIONS.filter(({ former }) => former !== true);

const notAsked = await whyNotAsked((await sharedMongo()).uri);

/** The program as an operator runs it, on a broker and a database of its own names. */
let brokers: readonly string[];
let uri: string;
const database = `admin_${randomUUID().slice(0, 8)}`;
const prefix = `a${randomUUID().slice(0, 6)}.`;
const DAY = 86_400_000;

beforeAll(async () => {
  ({ brokers } = await sharedKafka());
  ({ uri } = await sharedMongo());
});

interface Said {
  readonly code: number;
  readonly text: string;
  rows(): { area: string; what: string; is: string; shouldBe: string; action: string }[];
}
async function admin(argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Said> {
  const said: string[] = [];
  const all = {
    KAFKA_BROKERS: brokers.join(','),
    KAFKA_TOPIC_PREFIX: prefix,
    KAFKA_PARTITIONS: '4',
    KAFKA_REPLICATION: '1',
    KAFKA_MIN_INSYNC_REPLICAS: '1',
    MONGODB_URI: uri,
    MONGODB_DATABASE: database,
    ...env,
  };
  const code = await run(argv, declaredFromEnv(all), {
    out: (line) => said.push(line),
    error: (line) => said.push(line),
  });
  return { code, text: said.join('\n'), rows: () => (JSON.parse(said[0]!) as { rows: never[] }).rows };
}
const connection = (topicPrefix: string): KafkaConnection => ({ brokers, clientId: 'test', topicPrefix });

test('everything is missing at first, made by two at once, and then nothing is left to do', async () => {
  const before = await admin(['verify', '--json']);
  expect(before.code).toBe(2);
  expect(before.rows().every(({ action }) => action === 'create')).toBe(true);
  expect(
    before
      .rows()
      .filter(({ area }) => area === 'topics')
      .map(({ what }) => what),
  ).toEqual(TOPICS.map(({ name }) => prefix + name));

  const both = await Promise.all([admin(['apply']), admin(['apply'])]);
  expect(both.map(({ code }) => code)).toEqual([0, 0]);
  expect(both[0].text + both[1].text).toContain(
    `created ${prefix}pa.consent: 4 partitions, replication 1, kept unlimited`,
  );

  for (const plan of [
    ['topics', 'plan', '--json'],
    ['views', 'plan', '--json'],
  ]) {
    const after = await admin(plan);
    expect(after.rows().filter(({ action }) => action !== 'none')).toEqual([]);
  }
  expect(await admin(['verify'])).toMatchObject({ code: 0, text: 'All is as declared.' });
  expect((await admin(['apply'])).text).toBe('Nothing to do: all is as declared.');
});

test('services start on what was applied, and topics have what is declared', async () => {
  const log = await openKafkaLog(connection(prefix));
  const views = await openMongoViews({ uri, database });
  try {
    for (const { name, partitions } of topicSettings({ partitions: 4 }))
      expect(await log.partitions(name), name).toBe(partitions);
    for (const projection of CREATED) await views.store.ensure(projection);
    await (await openMongoState({ uri, database, log, relayTopics: [] })).close();
  } finally {
    await views.close();
    await log.close();
  }
});

test('restores what others changed; a change that would lose data is left to people, with exit code 2', async () => {
  const other = `b${randomUUID().slice(0, 6)}.`;
  const env = { KAFKA_TOPIC_PREFIX: other };
  // Topics as another person might have created them.
  const changed = desiredTopics({ partitions: 4, replication: 1, minInsyncReplicas: 1 }).map((topic) => {
    switch (topic.name) {
      case 'pa.consent':
        return { ...topic, retentionMs: DAY };
      case 'pa.records':
        return { ...topic, partitions: 2 };
      case 'pa.members':
        return { ...topic, compacted: true };
      case 'payer.member-events':
        return { ...topic, retentionMs: 365 * DAY };
      case 'payer.provider-events':
        return { ...topic, retentionMs: DAY };
      default:
        return topic;
    }
  });
  await applyTopics(connection(other), changed);
  const differing = async (): Promise<unknown> =>
    (await admin(['topics', 'plan', '--json'], env))
      .rows()
      .filter(({ action }) => action !== 'none')
      .map(({ what, is, shouldBe, action }) => [what.slice(other.length), is, shouldBe, action]);
  const byHand = ['pa.records partitions', '2', '4', 'by hand'];
  expect(await differing()).toEqual([
    ['payer.provider-events retention.ms', '1 days', '30 days', 'change'],
    byHand,
    ['pa.members cleanup.policy', 'compact', 'delete', 'change'],
    ['pa.consent retention.ms', '1 days', 'unlimited', 'change'],
  ]);
  const applied = await admin(['topics', 'apply'], env);
  expect(applied.code).toBe(2);
  expect(applied.text).toContain(`changed ${other}pa.consent retention.ms: unlimited`);
  expect(applied.text).toMatch(/Left alone[\s\S]*docs\/topics\.html has the steps/);
  // A broker acknowledges a changed setting before it describes it.
  await expect.poll(differing, { timeout: 60_000 }).toEqual([byHand]);
  expect((await admin(['topics', 'apply'], env)).code).toBe(2);
  expect(await differing()).toEqual([byHand]);
  // Views are still as declared.
  expect((await admin(['verify'], { ...env })).text).not.toContain('views');
});

test('reports each missing engine in one sentence, without the secrets of the connection string', async () => {
  const kafka = await admin(['topics', 'apply'], { KAFKA_BROKERS: '127.0.0.1:1' });
  expect(kafka).toMatchObject({
    code: 3,
    text: expect.stringMatching(
      /^Kafka at 127\.0\.0\.1:1 cannot be reached or did not answer \(.*ECONNREFUSED.*\)$/,
    ) as string,
  });
  const mongo = await admin(['views', 'plan'], {
    MONGODB_URI: 'mongodb://someone:hunter2@127.0.0.1:1/?directConnection=true',
    MONGODB_SERVER_SELECTION_TIMEOUT_MS: '300',
  });
  expect(mongo.code).toBe(3);
  expect(mongo.text).toMatch(/^MongoDB at 127\.0\.0\.1:1 cannot be reached/);
  expect(mongo.text).not.toContain('hunter2');
  expect(await admin(['verify'], { KAFKA_BROKERS: '' })).toMatchObject({
    code: 1,
    text: expect.stringContaining('KAFKA_BROKERS: must be set') as string,
  });
});

test.skipIf(notAsked).each(CREATED)(
  `every query shape of $owner $name is answered from its index${notAsked}`,
  async (projection) => {
    const shapes = await explainShapes({ uri, database }, projection);
    expect(shapes.length).toBeGreaterThanOrEqual(projection.indexes.length + 1);
    expect(shapes.filter(({ ok }) => !ok)).toEqual([]);
  },
);
