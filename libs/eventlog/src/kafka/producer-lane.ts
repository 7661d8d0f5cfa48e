import { setTimeout as sleep } from 'node:timers/promises';
import type { Message, Producer } from 'kafkajs';
import { createClient } from './client.ts';
import type { Client } from './client.ts';
import type { Settings } from './options.ts';

/** How long a failed producer may take to disconnect before the next one is made. */
const PARTING_MS = 1_000;

/** There was no answer, or none for exactly the partition of the send, so it is unknown what was written. */
export class Unanswered extends Error {
  override readonly name = 'Unanswered';
  readonly type: 'NO_ANSWER_IN_TIME' | 'ANSWER_OF_ANOTHER_PARTITION';

  constructor(type: Unanswered['type']) {
    super(type);
    this.type = type;
  }
}

/**
 * One producer with one send at a time, each to one partition. After any error the lane makes a new producer, because
 * the sequence numbers of the old one may be ahead of the broker, which then acknowledges and drops the next messages.
 */
export class ProducerLane {
  readonly #settings: Settings;
  #current: { readonly client: Client; readonly producer: Promise<Producer> } | undefined;
  #parting: Promise<unknown> = Promise.resolve();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /** Resolves with the offset of the first message when all are on every replica in sync. After a throw they may have been written. */
  async send(topic: string, partition: number, messages: Message[], timeoutMs: number): Promise<number> {
    const deadline = new AbortController();
    try {
      return await Promise.race([
        this.#send(topic, partition, messages),
        sleep(timeoutMs, undefined, { signal: deadline.signal }).then(() => Promise.reject(new Unanswered('NO_ANSWER_IN_TIME'))),
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
    const current = this.#current;
    this.#current = undefined;
    if (current !== undefined) {
      const producer = await current.producer.catch(() => undefined);
      await Promise.race([producer?.disconnect().catch(() => undefined), sleep(PARTING_MS, undefined, { ref: false })]);
      current.client.retire();
    }
    await this.#parting;
  }

  async #send(topic: string, partition: number, messages: Message[]): Promise<number> {
    await this.#parting;
    const producer = await (this.#current ??= this.#create()).producer;
    const answers = await producer.send({ topic, acks: -1, timeout: this.#settings.requestTimeoutMs, messages });
    const [answer] = answers;
    // -1: a duplicate of a batch whose place the broker no longer knows.
    const base = Number(answer?.baseOffset ?? -1);
    if (answers.length !== 1 || answer!.topicName !== topic || answer!.partition !== partition || answer!.errorCode !== 0 || !(base >= 0)) {
      throw new Unanswered('ANSWER_OF_ANOTHER_PARTITION');
    }
    return base;
  }

  #create(): { client: Client; producer: Promise<Producer> } {
    const client = createClient(this.#settings, { retryMs: this.#settings.deliveryTimeoutMs });
    const producer = client.kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false, createPartitioner: () => ({ message }) => message.partition! });
    return { client, producer: producer.connect().then(() => producer) };
  }
}
