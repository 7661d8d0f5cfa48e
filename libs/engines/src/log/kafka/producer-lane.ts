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
 * One producer with one send at a time, each to one partition. After any error the lane makes a new producer. The
 * sequence numbers of the old one may differ from the broker's, which would then acknowledge and drop later messages.
 */
export class ProducerLane {
  readonly #settings: Settings;
  #current: Current | undefined;
  #parting: Promise<unknown> = Promise.resolve();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  /**
   * Resolves with the offset of the first message when every in-sync replica has all messages. After an error they may
   * have been written.
   */
  async send(topic: string, partition: number, messages: Message[], timeoutMs: number): Promise<number> {
    const deadline = new AbortController();
    try {
      return await Promise.race([
        this.#send(topic, partition, messages),
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

  async #send(topic: string, partition: number, messages: Message[]): Promise<number> {
    await this.#parting;
    const current = (this.#current ??= this.#create());
    current.refusal = undefined;
    const producer = await current.producer;
    const answers = await producer.send({
      topic,
      acks: -1,
      timeout: this.#settings.requestTimeoutMs,
      compression: compressionFor(messages.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)),
      messages,
    });
    const [answer] = answers;
    // -1 means a duplicate of a batch whose offset the broker no longer knows.
    const base = Number(answer?.baseOffset ?? -1);
    if (
      answers.length !== 1 ||
      answer!.topicName !== topic ||
      answer!.partition !== partition ||
      answer!.errorCode !== 0 ||
      !(base >= 0)
    ) {
      throw unanswered('ANSWER_OF_ANOTHER_PARTITION');
    }
    return base;
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
