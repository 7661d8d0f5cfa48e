import { NARROW_PARTITIONS, TOPICS, topicSettings } from '@provider-access/events';
import { collectionName } from '@provider-access/engines/views';
import { DECLARATIONS, PROJECTIONS, viewGroup } from '../src/services.ts';

const DAY_MS = 86_400_000;
const MIB = 1024 * 1024;
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const code = (names: readonly string[]): string => (names.length === 0 ? '—' : names.map((n) => `\`${n}\``).join(', '));
const sourceHolds = PROJECTIONS.find(({ name }) => name === 'source-holds')!;
const settings = new Map(topicSettings().map((s) => [s.name, s]));
const kept = (ms: number | 'unlimited'): string => (ms === 'unlimited' ? 'for ever' : `${ms / DAY_MS} days`);

/** docs/topics.md: generated from libs/events and the services' declarations. */
export function topicsPage(): string {
  const followed = TOPICS.filter(({ readers }) => readers.length === DECLARATIONS.length).map(({ name }) => name);
  const fromView = Object.keys(sourceHolds.topics);
  return `# Topics

Generated from \`libs/events/src/topics.ts\` (\`npm run topics-page -w services/admin\`); a test fails if this page is
not current. \`pa topics plan\` compares a cluster with this table, \`pa topics apply\` makes the cluster match it, and
\`pa acls\` prints the access rights of each service.

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

\`max.message.bytes\` is the size of the record plus 64 KiB for the batch around it. The services write everything with
\`acks=all\`. \`KAFKA_REPLICATION\` (3) and \`KAFKA_MIN_INSYNC_REPLICAS\` (2) hold for every topic. All topic names
begin with \`KAFKA_TOPIC_PREFIX\`, all group names with \`KAFKA_GROUP_PREFIX\`.

## Consumer groups

${row(['service', 'group', 'topics'])}
${row(['---', '---', '---'])}
${DECLARATIONS.flatMap(({ service, subscriptions, projections }) => [
  ...subscriptions.map(({ group, topics }) => row([service, `\`${group}\``, code(topics)])),
  ...projections.map((p) => row([service, `\`${viewGroup(p)}\``, code(Object.keys(p.topics))])),
]).join('\n')}

Every service also keeps facts in memory. It reads ${code(followed.filter((topic) => !fromView.includes(topic)))} from
the beginning, and ${code(fromView)} from the position of the view \`${collectionName(sourceHolds)}\`.

## Retention and compaction

- **\`payer.*\` are input, not truth.** The platform needs each record once; \`PAYER_RETENTION_DAYS\` (30) is the least.
  It bounds how long an outage of the platform may last, and how far a payer can look back. \`pa topics apply\` leaves a
  topic alone that the payer keeps longer.
- **\`pa.*\` and dead letters are the truth.** Views are rebuilt from them alone, so nothing expires, with one
  exception. \`pa topics plan\` reports a topic with a finite retention, and \`pa topics apply\` sets it to unlimited.
- **\`pa.record-versions\` expires.** It holds the versions of resources that others have replaced, each for
  \`VERSION_RETENTION_DAYS\` (400) from then on ([ADR 0045](adr/0045-superseded-versions.md)). The view
  \`resources_versions\` drops its documents after the same time. A longer retention of the topic does no harm: readers
  leave out what is older.
- **In \`npm start\`** the platform applies the same table to its one file. At the start and every hour it removes
  records of payer topics that are older than \`PAYER_RETENTION_DAYS\`, versions that are older than
  \`VERSION_RETENTION_DAYS\`, and superseded records of compacted topics. A
  record that a consumer group has not handled stays, however old it is (ADR 0020). The file does not shrink, because
  SQLite reuses the space for the next records. To make it smaller, stop the platform and run
  \`sqlite3 DATA_DIR/log.db VACUUM\`.
- **Compacted topics** keep the last record of each key. A deletion is a value and never a tombstone, because a rebuild
  must see it. Never switch compaction on for a topic that is kept whole: that loses history.

## Partitions

All records of a member are in one partition of each topic (murmur2 of the member id, as in the Java client). The order
of a member's records depends on that. **Never change a count in place**: after partitions are added, the next record of
a member goes to another partition and overtakes those that still wait. \`plan\` prints \`by hand\` where a count
differs. Choose the count at the start: ${settings.get('pa.records')!.partitions} serve a payer of some million members.
The embedded engine has one process, so each topic of a new file has one partition, and an older file keeps its four
([ADR 0133](adr/0133-larger-batches.md)).
Each intake and each view can have as many instances as partitions. \`narrow\` topics carry few records and have at most
${NARROW_PARTITIONS}.

To change the count, move the whole deployment to new topics at once:

1. Stop the payer's producers and \`POST /events\`. Wait until the intakes have no lag (\`kafka-consumer-groups.sh
   --describe\`), exports have ended, and every dead letter is replayed or discarded: the id of a dead letter is its
   position in the topic, and positions begin again. Reads continue.
2. Choose a new \`KAFKA_TOPIC_PREFIX\`, \`KAFKA_GROUP_PREFIX\` and \`MONGODB_DATABASE\`, set \`KAFKA_PARTITIONS\`, and
   run \`pa topics apply\`, \`pa views apply\` and \`pa acls\`.
3. Stop the services. Copy each old \`pa.*\` topic to its new one, from the first record to the last, with key, headers
   and value unchanged. The partition is murmur2 of \`ce_subject\`, which is the member (or client, Group, job); without
   a subject it is murmur2 of the key. Leave out \`pa.progress.v1\`, because it holds positions in the old topics. Dead
   letter topics and \`payer.*\` begin empty. From state, leave out the claims named \`access-hold/…\`, \`hold-lines/…\`
   and \`dead-letter-…\`, and the streams named \`holds/…\`. Do not copy views: the services build them from the topics.
4. Start the services with the new names and wait for \`/health/ready\`. Compare the counts of \`pa views list\` with
   those before. Then start the producers on the new \`payer.*\`.
5. Keep the old topics and database until the new ones are backed up. Until then you can go back: use the old names, and
   let payers publish again what they published since step 4.
`;
}
