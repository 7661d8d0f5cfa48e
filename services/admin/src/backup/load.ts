import { randomUUID } from 'node:crypto';
import { encodeEvent, GAP_TYPE, PA_REGISTRY, bufferOf } from '@provider-access/events';
import type { PastRecord, TopicLoader } from '@provider-access/engines/log/kafka';
import { partitionFor } from '@provider-access/engines/log';
import { CopyRefused, isWhole, readManifest, readPartition, type Manifest, type PartitionCopy } from './copy.ts';

const BATCH_RECORDS = 500;
const BATCH_BYTES = 512 * 1024;
/** Gap records in a batch. They have no data, so many fit. */
const BATCH_GAPS = 5000;

export interface LoadOptions {
  readonly folder: string;
  readonly now: () => number;
  readonly progress?: (line: string) => void;
}

/**
 * Writes a copy into empty topics: every record to its partition, offset and time. A gap record fills an offset that
 * compaction or retention had removed, so that stored positions (progress, dead letters, views) stay valid. Appends
 * that the restore must be accepted before any decision. After a failed load, delete and create the topics again.
 * @throws CopyRefused before any write, or if another program writes; EngineUnavailable
 */
export async function loadTopics(
  loader: TopicLoader,
  { folder, now, progress }: LoadOptions,
): Promise<{ readonly restore: string; readonly manifest: Manifest }> {
  const manifest = await readManifest(folder);
  const heads = await loader.heads(manifest.topics.map(({ name }) => name));
  for (const { name, partitions } of manifest.topics) {
    const there = heads[name]!;
    if (there.length !== partitions.length)
      throw new CopyRefused(
        `${name} has ${there.length} partitions, the copy ${partitions.length}: set KAFKA_PARTITIONS to that number`,
      );
    if (there.some((head) => head > 0)) throw new CopyRefused(`${name} is not empty: load a copy into new topics`);
    for (const copy of partitions)
      if (!(await isWhole(folder, copy)))
        throw new CopyRefused(`${copy.file} does not match its hash in the manifest: it is damaged or of another copy`);
  }
  const restore = randomUUID();
  for (const { name, partitions } of manifest.topics) {
    for (const [partition, copy] of partitions.entries())
      await loadPartition(loader, name, partition, folder, copy, now);
    // Directly after the registry, so that no service reads the registry without it.
    if (name === PA_REGISTRY) await sayRestored(loader, restore, manifest, partitions.length, now());
    progress?.(`${name}: ${partitions.reduce((n, p) => n + p.records, 0)} records`);
  }
  return { restore, manifest };
}

async function loadPartition(
  loader: TopicLoader,
  topic: string,
  partition: number,
  folder: string,
  copy: PartitionCopy,
  now: () => number,
): Promise<void> {
  let next = 0;
  let batch: PastRecord[] = [];
  let bytes = 0;
  const write = async (records: readonly PastRecord[]): Promise<void> => {
    if (records.length === 0) return;
    const offset = await loader.append(topic, partition, records);
    if (offset !== next)
      throw new CopyRefused(
        `another program writes to ${topic}/${partition}: record ${next} got offset ${offset}. Stop that program, ` +
          'delete the topics and load again',
      );
    next += records.length;
  };
  const flush = async (): Promise<void> => {
    await write(batch);
    batch = [];
    bytes = 0;
  };
  const fillTo = async (offset: number, timestamp: number): Promise<void> => {
    if (next + batch.length >= offset) return;
    await flush();
    while (next < offset)
      await write(Array.from({ length: Math.min(BATCH_GAPS, offset - next) }, () => gap(timestamp)));
  };
  for await (const record of readPartition(folder, copy)) {
    await fillTo(record.offset, record.timestamp);
    batch.push(record);
    bytes += record.value.byteLength;
    if (batch.length >= BATCH_RECORDS || bytes >= BATCH_BYTES) await flush();
  }
  await flush();
  await fillTo(copy.head, now());
}

const EMPTY = Buffer.from('{}');
/** All gaps have the same key, so that compaction keeps only the last gap of a partition. */
const gap = (timestamp: number): PastRecord => ({
  key: 'gap',
  headers: { ce_type: GAP_TYPE },
  value: EMPTY,
  timestamp,
});

async function sayRestored(
  loader: TopicLoader,
  restore: string,
  { copied }: Manifest,
  partitions: number,
  at: number,
): Promise<void> {
  const restoredAt = new Date(at).toISOString();
  const { key, headers, value } = encodeEvent({
    id: restore,
    source: 'urn:provider-access:admin',
    type: 'pa.log-restored.v1',
    time: restoredAt,
    subject: restore,
    data: { restore, copied, restoredAt },
  });
  await loader.append(PA_REGISTRY, partitionFor(restore, partitions), [
    { key, headers, value: bufferOf(value), timestamp: at },
  ]);
}
