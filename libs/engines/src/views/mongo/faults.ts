import { setTimeout as delay } from 'node:timers/promises';
import { within } from '@provider-access/kernel';
import { EngineUnavailable } from '../../log/index.ts';
import { isCursorGone, isSystemError, mongoFault } from '../../mongo/faults.ts';

/**
 * Runs calls of the driver, each with a deadline. Driver 7.9 sometimes never answers a find whose server is killed (-9)
 * in the middle, whatever the socket timeout. A call that was given up may still arrive at the server, so every write
 * here is conditional.
 */
export class Calls {
  readonly #deadlineMs: number;

  /** 0 means no deadline. */
  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  within<T>(work: () => Promise<T>): Promise<T> {
    if (this.#deadlineMs === 0) return work();
    return within(this.#deadlineMs, work, () => {
      throw new EngineUnavailable('the view store is away (no answer)');
    });
  }

  async calling<T>(view: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.within(work);
    } catch (error) {
      throw mongoFault(error, 'view store', view);
    }
  }

  /**
   * A read. It is repeated if its cursor was lost or its idle connection turned out to be closed, because the driver
   * retries only its own errors.
   */
  asking<T>(view: string, work: () => Promise<T>): Promise<T> {
    return this.calling(view, async () => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await work();
        } catch (error) {
          if (attempt === 3 || !(isCursorGone(error) || isSystemError(error))) throw error;
          await delay(5); // the other idle connections are closed too, and the pool learns it in a later turn
        }
      }
    });
  }
}
