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
  constructor(streams: Pick<Streams, 'load' | 'append'>) {
    this.#streams = streams;
  }

  /** ms since the epoch; 0 before the first export. @throws EngineUnavailable */
  async newest(): Promise<number> {
    return (await this.#streams.load<Newest>(STREAM))?.snapshot.ms ?? 0;
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
