import type { Streams } from './port.ts';

const STREAM = 'export/transaction-time';
interface Newest {
  readonly ms: number;
}

/**
 * The newest transactionTime that an export was given: a time that only grows, shared by all processes (ADR 0023). An
 * export raises it before it reads positions of the log. Intakes read it after they were given a batch, and stamp what
 * they derive no earlier. So what an export cannot contain is never stamped before its transactionTime, whatever the
 * clocks say.
 */
export class TransactionTimes {
  private readonly streams: Pick<Streams, 'load' | 'append'>;
  constructor(streams: Pick<Streams, 'load' | 'append'>) {
    this.streams = streams;
  }

  /** ms since the epoch; 0 before the first export. @throws EngineUnavailable */
  async newest(): Promise<number> {
    return (await this.streams.load<Newest>(STREAM))?.snapshot.ms ?? 0;
  }

  /** Resolves when every process that asks from now on gets `ms` or a later time. @throws EngineUnavailable */
  async raise(ms: number): Promise<void> {
    for (;;) {
      const head = await this.streams.load<Newest>(STREAM);
      if (head !== undefined && head.snapshot.ms >= ms) return;
      if ((await this.streams.append(STREAM, head?.version ?? 0, [], { ms } satisfies Newest)).ok) return;
    }
  }
}
