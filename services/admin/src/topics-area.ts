import { TOPICS } from '@provider-access/events';
import { applyTopics, planTopics, type KafkaConnection, type TopicChange } from '@provider-access/engines/log/kafka';
import type { TopicPlanSettings } from './config.ts';
import { desiredTopics } from './desired-topics.ts';
import type { Area, Row } from './report.ts';

const NOTES: Readonly<Record<string, string>> = {
  partitions:
    'partitions: a count never changes in place, order would be lost. docs/topics.md says the way by a new topic.',
  replication:
    'replication: move the replicas with kafka-reassign-partitions.sh, or set KAFKA_REPLICATION to what is meant.',
  'cleanup.policy':
    'cleanup.policy: switching compaction on removes records. Find out who made the topic otherwise; ' +
    'docs/topics.md says what is declared.',
  'retention.ms': 'retention.ms: shortening it removes records. Do it by hand (kafka-configs.sh) when that is meant.',
  'max.message.bytes':
    'max.message.bytes: records may be larger than the platform takes. Lower it by hand, or set ' +
    'KAFKA_MAX_RECORD_BYTES, for the services too.',
  'min.insync.replicas': 'min.insync.replicas: stricter than declared. Set KAFKA_MIN_INSYNC_REPLICAS to what is meant.',
};

/** A payer may keep its topics longer than the least that it promised. */
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
  const { topic, setting } = change;
  const what = `${topic} ${setting}`;
  if (change.kind === 'configure')
    return {
      area: 'topics',
      what,
      is: kept(setting, change.from),
      shouldBe: kept(setting, change.to),
      action: 'change',
    };
  return {
    area: 'topics',
    what,
    is: kept(setting, change.is),
    shouldBe: kept(setting, change.wanted),
    action: 'by hand',
    note: NOTES[setting] ?? `${setting}: changing it could lose records. Do it by hand when that is meant.`,
  };
}

/** Differences in the order of the declared topics, and a row for each topic without any. */
export function topicRows(changes: readonly TopicChange[], names: readonly string[], prefix: string): readonly Row[] {
  return names.flatMap((name): readonly Row[] => {
    const rows = changes.filter((c) => c.topic === prefix + name && !payersOwnChoice(name, c)).map(rowOf);
    return rows.length > 0
      ? rows
      : [{ area: 'topics', what: prefix + name, is: 'as declared', shouldBe: 'as declared', action: 'none' }];
  });
}

/** The topics of the platform in one Kafka. */
export function topicsArea(connection: KafkaConnection, settings: TopicPlanSettings): Area {
  const desired = desiredTopics(settings);
  const rows = (changes: readonly TopicChange[]): readonly Row[] =>
    topicRows(
      changes,
      desired.map(({ name }) => name),
      connection.topicPrefix ?? '',
    );
  return {
    name: 'topics',
    plan: async () => rows(await planTopics(connection, desired)),
    apply: async () => rows(await applyTopics(connection, desired)),
  };
}
