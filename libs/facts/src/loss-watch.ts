import { EngineUnavailable, type EventLog, type Loss } from '@provider-access/engines/log';
import { INTAKES } from './derivers.ts';

/** Between two looks, ms: while nothing is lost, and while something is. */
const EVERY_MS = 60_000;
const WHILE_LOST_MS = 2000;

/**
 * Whether retention has removed events that an intake had not read. The intake stands still then, and what it has not
 * read may be an opt-out. A partition from which retention took everything looks as if all of it had been read, so
 * heads alone do not tell.
 */
export class LossWatch {
  private readonly log: Pick<EventLog, 'losses'>;
  private lookedAt = Number.NEGATIVE_INFINITY;
  private loss: Loss | undefined;

  constructor(log: Pick<EventLog, 'losses'>) {
    this.log = log;
  }

  /** The loss that was found last, as long as nobody has accepted it. */
  current(): Loss | undefined {
    return this.loss;
  }

  /**
   * Looks when it is time, or `now`. @param at ms since the epoch
   * @throws EngineUnavailable. A right that is missing counts as no answer when it is only time to look: `pa acls`
   * prints it.
   */
  async look(at: number, now = false): Promise<void> {
    if (!now && Math.abs(at - this.lookedAt) < (this.loss === undefined ? EVERY_MS : WHILE_LOST_MS)) return;
    try {
      const found = await Promise.all(INTAKES.map(({ group, topics }) => this.log.losses(group, topics)));
      this.loss = found.flat()[0];
    } catch (error) {
      const refused = error instanceof EngineUnavailable && error.message.includes('AUTHORIZATION');
      if (now || !refused) throw error;
    }
    this.lookedAt = at;
  }
}
