import { handlerFault } from '../handler-fault.ts';
import type { Loss, TopicPartition } from '../port.ts';

/** The state of one partition that a consumer of a group owns or has owned. */
export class Place implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  next = 0;
  /** A new object for each time that the consumer gains the partition; undefined while it does not own it. */
  claim: object | undefined;
  /** Whether `next` waits for a later commit. */
  uncommitted = false;
  /** Whether `assigned` has succeeded. */
  ready = false;
  /** Whether a lingering batch was fetched before. At the second fetch it is delivered. */
  ripe = false;
  /** Consecutive failures of the handler. */
  failures = 0;
  failure: string | undefined;
  /** Resolves when no handler runs. */
  handling: Promise<void> = Promise.resolve();
  /** Ends a pause of the partition. */
  timer: NodeJS.Timeout | undefined;
  /** A loss that no operator has accepted yet. */
  loss: Loss | undefined;

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic;
    this.partition = partition;
  }

  get mine(): boolean {
    return this.claim !== undefined;
  }

  release(): void {
    clearTimeout(this.timer);
    this.timer = this.claim = this.failure = this.loss = undefined;
    this.ready = this.ripe = this.uncommitted = false;
    this.failures = 0;
  }

  handled(): void {
    this.failures = 0;
    this.failure = undefined;
  }

  /** Notes a failure, without a message that may quote data. */
  failed(error: unknown): void {
    this.failures++;
    this.failure = `${this.topic}/${this.partition}: ${handlerFault(error)}`;
  }
}
