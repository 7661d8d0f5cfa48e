import { NARROW_PARTITIONS, TOPICS, topicSettings } from '@provider-access/events';
import { sourceHolds } from '@provider-access/facts';
import { collectionName } from '@provider-access/engines/views';
import { DECLARATIONS, viewGroup } from './services.ts';

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const code = (names: readonly string[]): string => (names.length === 0 ? '—' : names.map((n) => `\`${n}\``).join(', '));
const settings = new Map(topicSettings().map((s) => [s.name, s]));
const kept = (ms: number | 'unlimited'): string => (ms === 'unlimited' ? 'for ever' : `${ms / DAY_MS} days`);

/** docs/topics.md: generated from libs/events and the services' declarations. */
export function topicsPage(): string {
  const followed = TOPICS.filter(({ readers }) => readers.length === DECLARATIONS.length).map(({ name }) => name);
  const fromView = Object.keys(sourceHolds.topics);
  return `# Topics

Generated from \`libs/events/src/topics.ts\` (\`npm run topics-page -w services/admin\`); a test says when it is not current.
\`pa topics plan\` compares a cluster with it, \`pa topics apply\` makes it so, \`pa acls\` prints who may do what.

${row(['topic', 'key', 'partitions', 'kept', 'cleanup', 'record at most', 'written by', 'read by', 'heads seen by'])}
${row(Array.from({ length: 9 }, () => '---'))}
${TOPICS.map(({ name, key, spread, writers, readers, heads }) => {
  const { partitions, compacted, retentionMs, maxRecordBytes } = settings.get(name)!;
  return row([
    `\`${name}\``,
    key,
    `${partitions} (${spread})`,
    kept(retentionMs),
    compacted ? 'compact' : retentionMs === 'unlimited' ? 'none' : 'delete',
    `${maxRecordBytes / MIB} MiB`,
    writers.join(', '),
    readers.join(', '),
    heads.join(', ') || '—',
  ]);
}).join('\n')}

\`max.message.bytes\` is the record's size and 64 KiB for the batch around it. Everything is written with \`acks=all\`; \`KAFKA_REPLICATION\` (3) and
\`KAFKA_MIN_INSYNC_REPLICAS\` (2) hold for every topic. All names get \`KAFKA_TOPIC_PREFIX\`, all groups \`KAFKA_GROUP_PREFIX\`.

## Consumer groups

${row(['service', 'group', 'topics'])}
${row(['---', '---', '---'])}
${DECLARATIONS.flatMap(({ service, subscriptions, projections }) => [
  ...subscriptions.map(({ group, topics }) => row([service, `\`${group}\``, code(topics)])),
  ...projections.map((p) => row([service, `\`${viewGroup(p)}\``, code(Object.keys(p.topics))])),
]).join('\n')}

Every service also follows ${code(followed.filter((topic) => !fromView.includes(topic)))} from the beginning, and ${code(fromView)} from where \`${collectionName(sourceHolds)}\` stands, in memory.

## Retention and compaction

- **\`payer.*\` are input, not truth.** The platform needs each record once; \`PAYER_RETENTION_DAYS\` (30) is the least. It is how long an outage of the
  platform may last, and how far a payer can look back. A topic that the payer keeps longer is left alone.
- **\`pa.*\` and dead letters are the truth.** Views are built again from them alone, so nothing ages out. A topic with a finite retention is
  reported and set to unlimited.
- **In \`npm start\`** the platform applies the same table to its one file: at the start and every hour it removes records of payer topics that are older
  than \`PAYER_RETENTION_DAYS\`, and old records of the keys of compacted topics. What a consumer group has not handled stays, however old it is
  (ADR 0020). The file does not shrink: SQLite fills the room with the next records. To make it smaller, stop the platform and run
  \`sqlite3 DATA_DIR/log.db VACUUM\`.
- **Compacted topics** keep the last record of each key. Deletes are values, never tombstones: a rebuild must see them. Compaction is never
  switched on for a topic that is kept whole: that loses history.

## Partitions

A member's records stand in one partition of each topic (the Java client's murmur2 of the member id), and their order rests on it. **A count never
changes in place**: adding partitions sends the next record of a member to another one, past those that still wait. \`plan\` says \`by hand\`
where a count differs. Choose at the start: ${settings.get('pa.records')!.partitions} serve a payer of some million members; each intake and view can have as many instances as partitions.
\`narrow\` topics carry few records and have ${NARROW_PARTITIONS} at most.

The way to another count is a new topic, for the whole deployment at once:

1. Stop the payer's producers and \`POST /events\`. Wait until the intakes have no lag (\`kafka-consumer-groups.sh --describe\`), exports have ended, and
   every dead letter is replayed or discarded: a dead letter is named after its place in the topic, and places begin again. Reads go on.
2. Choose a new \`KAFKA_TOPIC_PREFIX\`, \`KAFKA_GROUP_PREFIX\` and \`MONGODB_DATABASE\`, set \`KAFKA_PARTITIONS\`, run \`pa topics apply\`, \`pa views apply\`, \`pa acls\`.
3. Stop the services. Copy each old \`pa.*\` topic to its new one, from the first record to the last, with key, headers and value as they are. The partition is
   murmur2 of \`ce_subject\`, which is the member (or client, Group, job); of the key where there is none. Leave out \`pa.progress.v1\`: it speaks of positions in the old topics.
   Dead letter topics and \`payer.*\` begin empty. Of state, leave out the claims named \`access-hold/…\`, \`hold-lines/…\` and \`dead-letter-…\`, and
   the streams named \`holds/…\`. Views are not copied: they are built from the topics.
4. Start the services with the new names, wait for \`/health/ready\`, compare the counts of \`pa views list\` with those before, start the producers on the new \`payer.*\`.
5. Keep the old topics and database until the new ones are backed up. Until then the way back is the old names, and what payers published since step 4 once more.
`;
}
