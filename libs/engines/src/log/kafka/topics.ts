import { setTimeout as sleep } from 'node:timers/promises';
import kafkajs, { type Admin } from 'kafkajs';
import { EngineUnavailable } from '../port.ts';
import type { TopicDefinition } from '../topics.ts';
import { createClient } from './client.ts';
import { errorType, rootCause, unavailable } from './errors.ts';
import { type KafkaConnection, settingsOf } from './options.ts';
import { safe, settingsFor } from './topic-settings.ts';

/** A setting of a topic. A person must decide about `differs`, because the change is not safe in place. */
interface Difference {
  readonly kind: 'configure' | 'differs';
  readonly topic: string;
  readonly setting: string;
  readonly is: string;
  readonly wanted: string;
}

/** Names have the prefix. */
export type TopicChange =
  | Difference
  | {
      readonly kind: 'create';
      readonly topic: string;
      readonly partitions: number;
      readonly replication: number;
      readonly settings: Readonly<Record<string, string>>;
    };

const RETRY_MS = 10_000;
const VISIBLE_MS = 10_000;
/** DYNAMIC_TOPIC_CONFIG: the setting of the topic itself. */
const OF_TOPIC = 1;

/** The changes that `applyTopics` would make or leave to a person. Changes nothing. Throws EngineUnavailable. */
export async function planTopics(
  connection: KafkaConnection,
  desired: readonly TopicDefinition[],
): Promise<readonly TopicChange[]> {
  return withAdmin(connection, 'topics', (admin) => plan(admin, connection.topicPrefix ?? '', desired));
}

/**
 * Creates missing topics and makes safe changes of settings. It never deletes a topic, changes a partition count or
 * replication, or shortens a retention. Resolves with its changes and the remaining differences. It may run repeatedly
 * and concurrently. Throws EngineUnavailable.
 */
export async function applyTopics(
  connection: KafkaConnection,
  desired: readonly TopicDefinition[],
): Promise<readonly TopicChange[]> {
  const prefix = connection.topicPrefix ?? '';
  return withAdmin(connection, 'topics', async (admin) => {
    const created = (await plan(admin, prefix, desired)).filter((change) => change.kind === 'create');
    for (const { topic, partitions, replication, settings } of created) {
      await admin.createTopics({
        waitForLeaders: false,
        topics: [
          {
            topic,
            numPartitions: partitions,
            replicationFactor: replication,
            configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
          },
        ],
      });
    }
    if (created.length > 0)
      await visible(
        admin,
        created.map(({ topic }) => topic),
      );
    const rest = await plan(admin, prefix, desired);
    const configured = rest.filter((change): change is Difference => change.kind === 'configure');
    for (const [topic, changes] of Map.groupBy(configured, (change) => change.topic))
      await setForTopic(admin, topic, Object.fromEntries(changes.map(({ setting, wanted }) => [setting, wanted])));
    return [...created, ...rest.filter(({ kind }) => kind !== 'create')];
  });
}

/** Throws EngineUnavailable, which names `what`. */
export async function withAdmin<T>(
  connection: KafkaConnection,
  what: string,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const client = createClient(settingsOf(connection), { retryMs: RETRY_MS });
  const admin = client.kafka.admin();
  try {
    await admin.connect();
    return await work(admin);
  } catch (error) {
    // kafkajs joins the refusals of several topics in one error.
    const [first] = (rootCause(error) as { errors?: readonly Error[] }).errors ?? [];
    throw unavailable(what, first ?? error);
  } finally {
    await admin.disconnect().catch(() => undefined);
    client.retire();
  }
}

async function plan(
  admin: Admin,
  prefix: string,
  desired: readonly TopicDefinition[],
): Promise<readonly TopicChange[]> {
  const present = new Set(await admin.listTopics());
  const known = desired.filter(({ name }) => present.has(prefix + name));
  const missing = desired.filter((topic) => !known.includes(topic));
  const changes = missing.map((topic): TopicChange => ({
    kind: 'create',
    topic: prefix + topic.name,
    partitions: topic.partitions,
    replication: topic.replication,
    settings: settingsFor(topic),
  }));
  if (known.length === 0) return changes;
  const names = known.map(({ name }) => prefix + name);
  const { topics } = await admin.fetchTopicMetadata({ topics: names });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name })),
  });
  for (const definition of known) {
    const topic = prefix + definition.name;
    const found = topics.find((each) => each.name === topic)?.partitions ?? [];
    const configs = resources.find((each) => each.resourceName === topic)?.configEntries ?? [];
    const actual: Readonly<Record<string, string>> = {
      ...Object.fromEntries(configs.map(({ configName, configValue }) => [configName, configValue])),
      partitions: String(found.length),
      replication: [...new Set(found.map(({ replicas }) => replicas.length))].join(', '),
    };
    const declared = {
      partitions: String(definition.partitions),
      replication: String(definition.replication),
      ...settingsFor(definition),
    };
    for (const [setting, wanted] of Object.entries(declared)) {
      const is = actual[setting] ?? '';
      if (is !== wanted)
        changes.push({ kind: safe(setting, is, wanted) ? 'configure' : 'differs', topic, setting, is, wanted });
    }
  }
  return changes;
}

/** `alterConfigs` replaces all settings of the topic, so the call repeats the existing ones. */
export async function setForTopic(
  admin: Admin,
  topic: string,
  wanted: Readonly<Record<string, string>>,
): Promise<void> {
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic };
  const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [resource] });
  const set = Object.fromEntries(
    (resources[0]?.configEntries ?? [])
      .filter(({ configSource }) => Number(configSource) === OF_TOPIC)
      .map(({ configName, configValue }) => [configName, configValue]),
  );
  await admin.alterConfigs({
    validateOnly: false,
    resources: [
      { ...resource, configEntries: Object.entries({ ...set, ...wanted }).map(([name, value]) => ({ name, value })) },
    ],
  });
}

/** Waits until new topics have leaders. Other brokers may learn of them a moment later. */
async function visible(admin: Admin, names: readonly string[]): Promise<void> {
  const deadline = performance.now() + VISIBLE_MS;
  for (;;) {
    const leaders = await admin.fetchTopicMetadata({ topics: [...names] }).then(
      ({ topics }) =>
        topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0)),
      (error: unknown) => {
        if (!['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE'].includes(errorType(error))) throw error;
        return false;
      },
    );
    if (leaders) return;
    if (performance.now() > deadline) throw new EngineUnavailable('Kafka: the new topics have no leaders yet');
    await sleep(50);
  }
}
