import { bufferOf } from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import type { RawLine } from '@provider-access/fhir';
import { keepReceived, RESTRICTS_NOTHING } from '@provider-access/intake/received';
import type { JudgeOptions } from '../domain/judge.ts';
import { type Incoming, inPlace, NOT_JSON, tooLarge } from './incoming.ts';
import { elementsOf } from './json-elements.ts';
import type { ReadingThread } from './reading-thread.ts';
import { type Form, LINE, type ReceivedLine } from './receive-line.ts';

/** Bytes and elements of an array that are received together. */
const [MOST_BYTES, MOST_ELEMENTS] = [1024 * 1024, 1000];

/** Reads the events of requests. Each is parsed once, for the answer and for intake. */
export class EventReceiver {
  readonly #reading: Pick<ReadingThread, 'receive' | 'keep'>;
  readonly #judging: (() => JudgeOptions) | undefined;
  /** Of the event before. */
  #headers: Headers = {};

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
    const contents = lines.flatMap((line) => (line.kind === 'line' ? [line.content] : []));
    const take = await this.#read(contents, receipt, LINE);
    const events: Incoming[] = [];
    for (const line of lines) {
      const index = from + events.length;
      const event = line.kind === 'too-long' ? tooLarge(index, line.bytes) : take(index);
      if (event !== undefined) events.push(event);
    }
    return events;
  }

  /** The event of a body, structured or binary. */
  async receiveOne(body: Uint8Array, receipt: string, form: Form): Promise<Incoming> {
    const take = await this.#read([body], receipt, form);
    return take(0)!;
  }

  /** The events of a JSON array, in their order. Undefined if the body is not JSON, or no array. */
  async receiveBatch(body: Uint8Array, receipt: string): Promise<readonly Incoming[] | undefined> {
    const bounds = elementsOf(body);
    if (bounds === undefined) return undefined;
    const events: Incoming[] = [];
    for (let at = 0; at < bounds.length;) {
      const elements: Uint8Array[] = [];
      for (let bytes = 0; at < bounds.length && bytes < MOST_BYTES && elements.length < MOST_ELEMENTS; at += 2) {
        const element = body.subarray(bounds[at], bounds[at + 1]);
        bytes += element.byteLength;
        elements.push(element);
      }
      const take = await this.#read(elements, receipt, { kind: 'element' });
      for (const _element of elements) {
        const event = take(events.length)!;
        if (!event.ok && event.detail === NOT_JSON.detail) return undefined;
        events.push(event);
      }
    }
    return events;
  }

  /** @returns what gives the next event its place among the others. Undefined stands for a blank line. */
  async #read(
    contents: readonly Uint8Array[],
    receipt: string,
    form: Form,
  ): Promise<(index: number) => Incoming | undefined> {
    const judging = this.#judging?.();
    const received = await this.#reading.receive(contents, receipt, judging, form);
    let at = 0;
    return (index) => {
      const read = received[at]!;
      const bytes = contents[at++]!;
      return this.#incoming(read, bytes, index, judging);
    };
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
    shareTexts(read.headers, this.#headers);
    this.#headers = read.headers;
    const event = inPlace(read, index, bufferOf(bytes));
    if (!event.ok || judging === undefined) return event;
    const { record, consent } = event;
    if (reading !== undefined) this.#reading.keep(record.headers, reading, judging);
    const received = read.received ?? (reading && RESTRICTS_NOTHING);
    if (received !== undefined) keepReceived(record, record.headers['ce_type']!, received, consent);
    return event;
  }
}

type Headers = NewRecord['headers'];

/**
 * Takes the texts that the headers of another event have, too: its type, source and receipt, for example. Each event
 * from the thread has texts of its own, and the log keeps headers for thousands of events.
 */
function shareTexts(headers: { [name: string]: string }, before: Headers): void {
  for (const name in headers) {
    const text = before[name];
    if (text !== undefined && text === headers[name]) headers[name] = text;
  }
}
