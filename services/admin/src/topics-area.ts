import { TOPICS } from '@provider-access/events';
import { applyTopics, planTopics, type KafkaConnection, type TopicChange } from '@provider-access/engines/log/kafka';
import { desiredTopics, type TopicPlanSettings } from './config.ts';
import { AS_DECLARED, type Area, type Row } from './report.ts';

const NOTES: Readonly<Record<string, string>> = {
  partitions:
    'partitions: never change a count in place, because records would lose their order. ' +
    '/docs/topics.html has the steps.',
  replication:
    'replication: move the replicas with kafka-reassign-partitions.sh, or set KAFKA_REPLICATION to the actual value.',
  'cleanup.policy':
    'cleanup.policy: compaction would remove records. Find out who changed the policy; /docs/topics.html has the ' +
    'declared one.',
  'retention.ms': 'retention.ms: a shorter retention removes records. If you want this, use kafka-configs.sh.',
  'max.message.bytes':
    'max.message.bytes: the topic allows larger records than the platform. Lower it with kafka-configs.sh, or raise ' +
    'KAFKA_MAX_RECORD_BYTES here and in the services.',
  'min.insync.replicas':
    'min.insync.replicas: stricter than declared. Set KAFKA_MIN_INSYNC_REPLICAS to the actual value.',
};

/** A payer may keep its topics longer than PAYER_RETENTION_DAYS. */
const payersOwnChoice = (name: string, change: TopicChange): boolean =>
  change.kind === 'differs' &&
  change.setting === 'retention.ms' &&
  TOPICS.some((t) => t.name === name && t.cleanup === 'delete');

const kept = (setting: string, value: string): string =>
  setting !== 'retention.ms' ? value : value === '-1' ? 'unlimited' : `${Number(value) / 86_400_000} days`;

function rowOf(change: TopicChange): Row {
  if (change.kind === 'create') {
    const { topic, partitions, replication, settings } = change;
    const retention = kept('retention.ms', settings['retention.ms'] ?? '-1');
    return {
      area: 'topics',
      what: topic,
      is: 'missing',
      shouldBe:
        `${partitions} partitions, replication ${replication}, ` +
        `${settings['cleanup.policy'] === 'compact' ? 'compacted' : `kept ${retention}`}`,
      action: 'create',
    };
  }
  const { kind, topic, setting, is, wanted } = change;
  const row = {
    area: 'topics',
    what: `${topic} ${setting}`,
    is: kept(setting, is),
    shouldBe: kept(setting, wanted),
  } as const;
  if (kind === 'configure') return { ...row, action: 'change' };
  return {
    ...row,
    action: 'by hand',
    note: NOTES[setting] ?? `${setting}: a change could lose records. If you want this, use kafka-configs.sh.`,
  };
}

/** The differences of each declared topic, in order. A topic without differences has one row. */
export function topicRows(changes: readonly TopicChange[], names: readonly string[], prefix: string): readonly Row[] {
  return names.flatMap((name): readonly Row[] => {
    const rows = changes.filter((c) => c.topic === prefix + name && !payersOwnChoice(name, c)).map(rowOf);
    return rows.length > 0 ? rows : [{ area: 'topics', what: prefix + name, ...AS_DECLARED }];
  });
}

/** The topics of the platform in Kafka. */
export function topicsArea(connection: KafkaConnection, settings: TopicPlanSettings): Area {
  const desired = desiredTopics(settings);
  const rows = (changes: readonly TopicChange[]): readonly Row[] =>
    topicRows(
      changes,
      desired.map(({ name }) => name),
      connection.topicPrefix ?? '',
    );
  return {
    plan: async () => rows(await planTopics(connection, desired)),
    apply: async () => rows(await applyTopics(connection, desired)),
  };
}
