import { PA_RECORDS } from '@provider-access/events';
import { EngineUnavailable, type EventLog } from '@provider-access/engines/log';
import type { RecordsReader } from '@provider-access/records';
import type { Head } from '../domain/decide.ts';
import { InFlight } from '../domain/in-flight.ts';

/** With more unconfirmed heads than this, intake waits for the view, so that memory stays bounded. */
const MAX_IN_FLIGHT = 5_000;
/** With fewer, intake does not ask how far the view has come, because that takes a query for each batch. */
const LANDED_FROM = 2_000;
const VIEW_PATIENCE_MS = 10_000;

/**
 * The current version of each record: what this process wrote a moment ago, and otherwise what the view has. Several
 * instances share the partitions, so a rebalance invalidates all that this instance remembers.
 */
export class CurrentVersions {
  readonly #log: Pick<EventLog, 'head'>;
  readonly #reader: Pick<RecordsReader, 'views' | 'heads'>;
  #inFlight = new InFlight();
  /** Grows when the view may lack records that are in the log. `#caughtUp` is set to it once the view has them. */
  #doubts = 1;
  #caughtUp = 0;

  constructor(log: Pick<EventLog, 'head'>, reader: Pick<RecordsReader, 'views' | 'heads'>) {
    this.#log = log;
    this.#reader = reader;
  }

  /** Another process may have written records since. The next batch waits until the view has all of the log. */
  reassigned(): void {
    this.#inFlight = new InFlight();
    this.#doubts += 1;
  }
  /** Part of a batch may be in the log. The next batch reads the current versions from the view. */
  doubt(): void {
    this.#doubts += 1;
  }

  /** What this process wrote and the view may lack. */
  get inFlight(): InFlight {
    return this.#inFlight;
  }

  /** Waits until the view has passed the records that another instance wrote. */
  async catchUp(): Promise<void> {
    this.doubt();
    await this.ready();
  }

  /**
   * Waits until the view has passed all records of other processes, and not too many of our own are unconfirmed.
   * @throws EngineUnavailable
   */
  async ready(): Promise<void> {
    const isDoubted = this.#caughtUp < this.#doubts;
    while (this.#caughtUp < this.#doubts) {
      const doubts = this.#doubts;
      await this.#passed(await this.#log.head([PA_RECORDS]), 'the records view has not caught up');
      this.#caughtUp = Math.max(this.#caughtUp, doubts);
    }
    // After a doubt another process may have written newer versions than those in memory.
    if (isDoubted ? this.#inFlight.size > 0 : this.#inFlight.size > LANDED_FROM) await this.#land();
    while (this.#inFlight.size > MAX_IN_FLIGHT) {
      await this.#passed(this.#inFlight.oldest!, 'the records view does not keep up');
      await this.#land();
    }
  }

  /** Call this when what a batch wrote is durable. `inFlight` is that of the time at which the batch began. */
  async wrote(
    inFlight: InFlight,
    heads: ReadonlyMap<string, Head>,
    lines: ReadonlyMap<string, Uint8Array>,
  ): Promise<void> {
    const target = await this.#log.head([PA_RECORDS]);
    // After a rebalance during the batch, the next batch reads the current versions from the view.
    if (inFlight === this.#inFlight) inFlight.add(heads, target, lines);
    else this.doubt();
  }

  async #passed(position: Awaited<ReturnType<EventLog['head']>>, otherwise: string): Promise<void> {
    if (!(await this.#reader.views.records.waitFor(position, VIEW_PATIENCE_MS))) throw new EngineUnavailable(otherwise);
  }

  async #land(): Promise<void> {
    this.#inFlight.landed((await this.#reader.views.records.position()).topics);
  }

  /** The newest versions, by record id. */
  async headsOf(ids: readonly string[]): Promise<Map<string, Head>> {
    const heads = new Map<string, Head>();
    const missing: string[] = [];
    for (const id of new Set(ids)) {
      const head = this.#inFlight.get(id);
      if (head === undefined) missing.push(id);
      else heads.set(id, head);
    }
    if (missing.length > 0) {
      const found = await this.#reader.heads(missing);
      missing.forEach((id, i) => {
        const head = found[i];
        if (head !== undefined) heads.set(id, head);
      });
    }
    return heads;
  }
}
