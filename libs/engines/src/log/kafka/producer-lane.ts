import { setTimeout as sleep } from 'node:timers/promises';
import type { Message, Producer } from 'kafkajs';
import { type Client, createClient } from './client.ts';
import { compressionFor } from './compression.ts';
import type { LogEntry } from './logging.ts';
import { protocolError } from './low-level.ts';
import type { Settings } from './options.ts';

/** How long a failed producer may take to disconnect before the next one is made. */
const PARTING_MS = 1_000;

/**
 * The result of a send is unknown: no answer, no final answer, or no answer for exactly its partition. `type` is the
 * last refusal of the broker, because it shows an operator what to change.
 */
const unanswered = (type: string): Error => Object.assign(new Error(type), { type });

/** What one partition gets of a send. */
export interface PartitionSend {
  /** Kafka's name. */
  readonly topic: string;
  readonly partition: number;
  readonly messages: readonly Message[];
}

interface Current {
  readonly client: Client;
  readonly producer: Promise<Producer>;
  /**
   * The protocol's code of the last refusal of the current send. kafkajs repeats a refused send, and reports the
   * refusals only in its log.
   */
  refusal?: string | undefined;
}

/**
 * One producer with one send at a time. After any error the lane makes a new producer. The
 * sequence numbers of the old one may differ from the broker's, which would then acknowledge and drop later messages.
 */
export class ProducerLane {
  readonly #settings: Settings;
  #current: Current | undefined;
  #parting: Promise<unknown> = Promise.resolve();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** As `sendAll`, to one partition. */
  async send(topic: string, partition: number, messages: readonly Message[], timeoutMs: number): Promise<number> {
    return (await this.sendAll([{ topic, partition, messages }], timeoutMs))[0]!;
  }

  /**
   * Sends to different partitions at the same time. Resolves with the offset of the first message of each when every
   * in-sync replica has all messages. After an error any of them may have been written.
   */
  async sendAll(sends: readonly PartitionSend[], timeoutMs: number): Promise<readonly number[]> {
    const deadline = new AbortController();
    try {
      return await Promise.race([
        this.#send(sends),
        sleep(timeoutMs, undefined, { signal: deadline.signal }).then(() => {
          throw unanswered(this.#current?.refusal ?? 'NO_ANSWER_IN_TIME');
        }),
      ]);
    } catch (error) {
      this.retire();
      throw error;
    } finally {
      deadline.abort();
    }
  }

  /** Ends the producer; the next send makes a new one. */
  retire(): void {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    current.client.retire();
    const gone = current.producer.then((producer) => producer.disconnect()).catch(() => undefined);
    this.#parting = Promise.race([gone, sleep(PARTING_MS, undefined, { ref: false })]);
  }

  async close(): Promise<void> {
    this.retire();
    await this.#parting;
  }

  async #send(sends: readonly PartitionSend[]): Promise<readonly number[]> {
    await this.#parting;
    const current = (this.#current ??= this.#create());
    current.refusal = undefined;
    const producer = await current.producer;
    const topicMessages = [...Map.groupBy(sends, ({ topic }) => topic)].map(([topic, all]) => ({
      topic,
      messages: all.flatMap(({ messages }) => messages),
    }));
    const bytes = sends.flatMap(({ messages }) => messages).reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    const answers = await producer.sendBatch({
      acks: -1,
      timeout: this.#settings.requestTimeoutMs,
      compression: compressionFor(bytes),
      topicMessages,
    });
    const bases = sends.map(({ topic, partition }) => {
      const answer = answers.find((each) => each.topicName === topic && each.partition === partition);
      // -1 means a duplicate of a batch whose offset the broker no longer knows.
      return answer?.errorCode === 0 ? Number(answer.baseOffset ?? -1) : -1;
    });
    if (answers.length !== sends.length || bases.some((base) => !(base >= 0)))
      throw unanswered('ANSWER_OF_ANOTHER_PARTITION');
    return bases;
  }

  #create(): Current {
    const onLog = ({ message, error }: LogEntry): void => {
      if (message.startsWith('Response Produce')) created.refusal = protocolError(error);
    };
    const client = createClient(this.#settings, { retryMs: this.#settings.deliveryTimeoutMs, onLog });
    const producer = client.kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner:
        () =>
        ({ message }) =>
          message.partition!,
    });
    const created: Current = { client, producer: producer.connect().then(() => producer) };
    return created;
  }
}
