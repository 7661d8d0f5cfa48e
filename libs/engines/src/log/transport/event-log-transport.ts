import { type CustomTransportStrategy, type MessageHandler, Server } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';
import type { Batch, EventLog, SubscribeOptions, Subscription } from '../port.ts';
import { type BatchPattern, isAssignedPattern, isBatchPattern } from './patterns.ts';

/** The batch was not handled, so it is delivered again. */
class BatchNotHandled extends Error {
  override readonly name = 'BatchNotHandled';
}

/**
 * Nest microservice over the log port. Methods with `@EventPattern({ group, topics })` get batches in order. Their
 * offsets are committed when they resolve, and not after a rejection, a failing stream or the result of a filter.
 */
export class EventLogTransport extends Server implements CustomTransportStrategy {
  /** Nest must pass failures to the log port, which redelivers the batch. */
  override readonly propagatesEventHandlerErrors = true;
  readonly #log: EventLog;
  readonly #batches = new Map<string, { readonly pattern: BatchPattern; readonly handler: MessageHandler }>();
  readonly #assigned = new Map<string, MessageHandler[]>();
  readonly #running: Subscription[] = [];

  constructor(options: { readonly log: EventLog }) {
    super();
    this.#log = options.log;
  }

  /** Keeps the original pattern, because Nest's normalised route loses arrays. */
  override addHandler(
    pattern: unknown,
    handler: MessageHandler,
    isEventHandler = false,
    extras: Record<string, unknown> = {},
  ): void {
    if (isAssignedPattern(pattern)) {
      this.#assigned.set(pattern.group, [...(this.#assigned.get(pattern.group) ?? []), handler]);
      return;
    }
    if (!isEventHandler || !isBatchPattern(pattern))
      throw new TypeError(
        'the log takes @EventPattern({ group, topics }) and @EventPattern({ group, on: "assigned" })',
      );
    const id = `${pattern.group} ${[...pattern.topics].sort().join(' ')}`;
    if (this.#batches.has(id)) throw new TypeError(`two handlers of group ${pattern.group} have the same topics`);
    this.#batches.set(id, { pattern, handler });
    super.addHandler(pattern, handler, isEventHandler, extras);
  }

  listen(callback: (error?: unknown) => void): void {
    this.#subscribe().then(() => callback(), callback);
  }

  async #subscribe(): Promise<void> {
    for (const { pattern, handler } of this.#batches.values()) {
      const assigned = this.#assigned.get(pattern.group) ?? [];
      const options: SubscribeOptions = {
        group: pattern.group,
        topics: pattern.topics,
        ...(pattern.maxRecords !== undefined && { maxRecords: pattern.maxRecords }),
        handle: (batch: Batch) => acknowledged(handler, batch),
        assigned: async (partitions) => {
          for (const each of assigned) await acknowledged(each, partitions);
        },
      };
      this.#running.push(await this.#log.subscribe(options));
    }
  }

  /** Resolves when no handler runs any more. */
  async close(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((subscription) => subscription.stop()));
  }

  /** The transport has no events. */
  on(): never {
    throw new TypeError('the log transport has no events');
  }

  unwrap<T>(): T {
    return this.#log as T;
  }
}

/**
 * Nest turns a failure into a stream that errors, and an exception filter may turn it into any value or an empty
 * stream. So only a handler that resolves with undefined acknowledges the batch.
 */
async function acknowledged(handler: MessageHandler, payload: unknown): Promise<void> {
  let result: unknown;
  try {
    const returned: unknown = await handler(payload, payload);
    result = isObservable(returned) ? await lastValueFrom(returned) : returned;
  } catch (error) {
    throw error instanceof Error ? error : new BatchNotHandled('the handler failed');
  }
  if (result !== undefined) throw new BatchNotHandled('a batch handler must resolve with undefined');
}
