import type { Streams } from './port.ts';

const STREAM = 'export/transaction-time';
interface Newest {
  readonly ms: number;
}

/**
 * The newest transactionTime of an export, which only grows and which all processes share (ADR 0023). An export raises
 * it before it reads positions of the log. Intake reads it after the arrival of a batch, and gives derived records no
 * earlier time. So a record that an export cannot contain never has a time before its transactionTime, even if clocks
 * differ.
 */
export class TransactionTimes {
  readonly #streams: Pick<Streams, 'load' | 'append'>;
  #asking: Promise<unknown> | undefined;
  /** Begins after the current question, for all calls that come during that. */
  #next: Promise<number> | undefined;
  constructor(streams: Pick<Streams, 'load' | 'append'>) {
    this.#streams = streams;
  }

  /**
   * ms since the epoch; 0 before the first export. The answer is never older than the call. Batches of several
   * partitions ask together.
   * @throws EngineUnavailable
   */
  newest(): Promise<number> {
    if (this.#asking === undefined) return this.#ask();
    this.#next ??= this.#asking
      .catch(() => undefined)
      .then(() => {
        this.#next = undefined;
        return this.#ask();
      });
    return this.#next;
  }

  #ask(): Promise<number> {
    const asking = this.#streams.load<Newest>(STREAM).then((head) => head?.snapshot.ms ?? 0);
    this.#asking = asking;
    const done = (): void => {
      if (this.#asking === asking) this.#asking = undefined;
    };
    asking.then(done, done);
    return asking;
  }

  /** Resolves when all later calls of `newest` in all processes return at least `ms`. @throws EngineUnavailable */
  async raise(ms: number): Promise<void> {
    for (;;) {
      const head = await this.#streams.load<Newest>(STREAM);
      if (head !== undefined && head.snapshot.ms >= ms) return;
      if ((await this.#streams.append(STREAM, head?.version ?? 0, [], { ms } satisfies Newest)).ok) return;
    }
  }
}
