import { bufferOf } from '@provider-access/events';
import type { RawLine } from '@provider-access/fhir';
import type { JudgeOptions } from '../domain/judge.ts';
import { type Incoming, inPlace, tooLarge } from './incoming.ts';
import type { ReadingThread } from './reading-thread.ts';
import type { ReceivedLine } from './receive-line.ts';

/** Reads the events of requests. Each is parsed once, for the answer and for intake. */
export class EventReceiver {
  readonly #reading: Pick<ReadingThread, 'receive' | 'keep'>;
  readonly #judging: (() => JudgeOptions) | undefined;

  /**
   * @param judging how intake judges events now. Undefined if the log does not hand on headers of an append, so that
   * intake reads the events again
   */
  constructor(reading: Pick<ReadingThread, 'receive' | 'keep'>, judging: (() => JudgeOptions) | undefined) {
    this.#reading = reading;
    this.#judging = judging;
  }

  /**
   * The events of some lines, in their order. Blank lines are none.
   * @param from index of the first one
   */
  async receive(lines: readonly RawLine[], from: number, receipt: string): Promise<readonly Incoming[]> {
    const judging = this.#judging?.();
    const contents = lines.flatMap((line) => (line.kind === 'line' ? [line.content] : []));
    const received = (await this.#reading.receive(contents, receipt, judging)).values();
    const events: Incoming[] = [];
    for (const line of lines) {
      const index = from + events.length;
      if (line.kind === 'too-long') {
        events.push(tooLarge(index, line.bytes));
        continue;
      }
      const event = this.#incoming(received.next().value!, line.content, index, judging);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  #incoming(
    read: ReceivedLine,
    line: Uint8Array,
    index: number,
    judging: JudgeOptions | undefined,
  ): Incoming | undefined {
    if (read.kind === 'blank') return undefined;
    if (read.kind === 'refused') {
      const { kind: _refused, ...refused } = read;
      return { index, ok: false, ...refused };
    }
    const { value, reading } = read;
    const bytes = value instanceof Uint8Array ? value : line.subarray(...value);
    const event = inPlace(read, index, bufferOf(bytes));
    if (event.ok && reading !== undefined && judging !== undefined)
      this.#reading.keep(event.record.headers, reading, judging);
    return event;
  }
}
