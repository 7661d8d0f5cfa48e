import { EngineUnavailable, type EventLog, type Loss } from '@provider-access/engines/log';
import { INTAKES } from './derivers.ts';

/** Time between two checks, ms: while nothing is lost, and while something is. */
const EVERY_MS = 60_000;
const WHILE_LOST_MS = 2000;

/**
 * Watches whether retention has removed events that an intake had not read. The intake stops then, because an unread
 * event may be an opt-out. If retention removed everything of a partition, the heads look as if all of it had been
 * read, so heads alone do not show the loss.
 */
export class LossWatch {
  readonly #log: Pick<EventLog, 'losses'>;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #loss: Loss | undefined;

  constructor(log: Pick<EventLog, 'losses'>) {
    this.#log = log;
  }

  /** The newest loss that was found, until somebody accepts it. */
  current(): Loss | undefined {
    return this.#loss;
  }

  /**
   * Checks if it is time, or at once with `now`. @param at ms since the epoch
   * @throws EngineUnavailable. If the right to ask is missing, a scheduled check changes nothing and only `now` throws;
   * `pa acls` prints that right.
   */
  async look(at: number, now = false): Promise<void> {
    if (!now && Math.abs(at - this.#lookedAt) < (this.#loss === undefined ? EVERY_MS : WHILE_LOST_MS)) return;
    try {
      const found = await Promise.all(INTAKES.map(({ group, topics }) => this.#log.losses(group, topics)));
      this.#loss = found.flat()[0];
    } catch (error) {
      const refused = error instanceof EngineUnavailable && error.message.includes('AUTHORIZATION');
      if (now || !refused) throw error;
    }
    this.#lookedAt = at;
  }
}
