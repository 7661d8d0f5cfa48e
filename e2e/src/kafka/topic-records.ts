import { randomUUID } from 'node:crypto';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import kafkajs from 'kafkajs';

/** A record as the broker has it, read without code of the platform. */
export interface TopicRecord {
  readonly partition: number;
  readonly offset: number;
  readonly type: string | undefined;
  readonly subject: string | undefined;
  /** How far what a decision came from had been read (ADR 0145), as JSON. */
  readonly read: string | undefined;
  readonly data: unknown;
}
/** The topics of a deployment. */
export interface TopicRecords {
  /** The next offset of each partition. */
  head(topic: string): Promise<readonly number[]>;
  /** Every record from these offsets on, until the head of this moment. */
  since(topic: string, from: readonly number[]): Promise<readonly TopicRecord[]>;
  close(): Promise<void>;
}

/** @param env of the processes of a deployment */
export async function openTopicRecords(env: Readonly<Record<string, string>>): Promise<TopicRecords> {
  const { KAFKA_BROKERS, KAFKA_TOPIC_PREFIX } = env;
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => zstdCompressSync(buffer),
    decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
  });
  const brokers = KAFKA_BROKERS!.split(',');
  const client = new kafkajs.Kafka({ brokers, clientId: 'auditor', logLevel: kafkajs.logLevel.NOTHING });
  const admin = client.admin();
  await admin.connect();
  const nameOf = (topic: string): string => `${KAFKA_TOPIC_PREFIX}${topic}`;
  const head = async (topic: string): Promise<readonly number[]> => {
    const offsets = await admin.fetchTopicOffsets(nameOf(topic));
    return offsets.toSorted((a, b) => a.partition - b.partition).map(({ high }) => Number(high));
  };
  return {
    head,
    async since(topic, from) {
      const until = await head(topic);
      const next = [...from];
      const found: TopicRecord[] = [];
      // Only a machine that stands still is so slow.
      const consumer = client.consumer({ groupId: `auditor-${randomUUID()}`, sessionTimeout: 120_000 });
      await consumer.connect();
      await consumer.subscribe({ topic: nameOf(topic), fromBeginning: true });
      await new Promise<void>((resolve) => {
        const look = (): void => {
          if (until.every((end, partition) => next[partition]! >= end)) resolve();
        };
        void consumer.run({
          autoCommit: false,
          eachMessage: async ({ partition, message: { offset, headers, value } }) => {
            // A consumer that joins again begins from the start.
            if (Number(offset) < next[partition]!) return;
            found.push({
              partition,
              offset: Number(offset),
              type: headers?.['ce_type']?.toString(),
              subject: headers?.['ce_subject']?.toString(),
              read: headers?.['ce_paread']?.toString(),
              data: value === null ? undefined : JSON.parse(value.toString()),
            });
            next[partition] = Number(offset) + 1;
            look();
          },
        });
        look();
      });
      await consumer.disconnect();
      return found;
    },
    close: () => admin.disconnect(),
  };
}
