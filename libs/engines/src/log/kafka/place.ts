import { handlerFault } from '../handler-fault.ts';
import type { Loss, Position } from '../port.ts';

/** One partition of a group, as one consumer sees it: its own now, or of the past. */
export class Place {
  readonly topic: string;
  /** Kafka's name of the topic. */
  readonly name: string;
  readonly partition: number;
  next = 0;
  mine = false;
  /** A new object each time that the consumer gains the partition. */
  claim: object | undefined;
  /** `assigned` has worked for it. */
  ready = false;
  /** A batch that lingers is handed out when it is fetched the second time. */
  ripe = false;
  /** Of the handler, one after the other. */
  failures = 0;
  failure: string | undefined;
  /** Resolves when nothing is in flight. */
  handling: Promise<void> = Promise.resolve();
  /** Until it is fetched again. */
  timer: NodeJS.Timeout | undefined;
  /** The loss: records that retention removed before this group read them, until an operator has accepted it. */
  loss: Loss | undefined;

  constructor(topic: string, name: string, partition: number) {
    this.topic = topic;
    this.name = name;
    this.partition = partition;
  }

  gain(claim: object): void {
    this.mine = true;
    this.claim = claim;
  }

  release(): void {
    clearTimeout(this.timer);
    this.timer = this.claim = this.failure = this.loss = undefined;
    this.mine = this.ready = this.ripe = false;
    this.failures = 0;
  }

  handled(): void {
    this.failures = 0;
    this.failure = undefined;
  }

  /** Messages of handlers may quote data. Only the words of the engine are passed on. */
  failed(error: unknown): void {
    this.failures = Math.min(this.failures + 1, 16);
    this.failure = `${this.topic}/${this.partition}: ${handlerFault(error)}`;
  }
}

export function positionOf(places: Iterable<Place>): Position {
  const position: Record<string, number[]> = {};
  for (const { topic, partition, next, mine } of places) if (mine) (position[topic] ??= [])[partition] = next;
  for (const offsets of Object.values(position)) for (let p = 0; p < offsets.length; p++) offsets[p] ??= 0;
  return position;
}
