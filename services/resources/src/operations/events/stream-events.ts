import { PassThrough } from 'node:stream';
import { type AppendSize, EngineUnavailable } from '@provider-access/engines/log';
import { createRawLineSplitter, type RawLine } from '@provider-access/fhir';
import type { EventReceiver } from '../../reading/event-receiver.ts';
import { type Incoming, MAX_EVENT_BYTES } from '../../reading/incoming.ts';
import type { EventAppender, EventRow } from './append-events.ts';

/**
 * Bytes of the answer that may wait for the client. Many clients read the answer only after they have sent everything,
 * so a small buffer would block both sides for ever. A hundred thousand rows fit.
 */
const ANSWER_BYTES = 16 * 1024 * 1024;

type Counted = Exclude<EventRow['status'], 'unavailable'>;
/** Counts rows by status. `complete`: all events of the stream were handled. */
export interface EventSummary extends Readonly<Record<Counted, number>> {
  readonly receipt: string;
  readonly complete: boolean;
}

/**
 * Reads one structured event from each line and answers one row for each, in order, then `{"summary":{…}}`. Memory is
 * bounded by a few appends and the answer buffer. If the log becomes unavailable, the answer ends with a row that says
 * so.
 */
export class EventStream {
  readonly answer = new PassThrough({ highWaterMark: ANSWER_BYTES });
  readonly #appender: EventAppender;
  readonly #receiver: EventReceiver;
  readonly #receipt: string;
  readonly #counts: Record<Counted, number> = {
    accepted: 0,
    effective: 0,
    scheduled: 0,
    superseded: 0,
    held: 0,
    parked: 0,
    refused: 0,
  };
  /** Keeps the rows in order, although some wait for their effect. */
  #written: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(appender: EventAppender, receiver: EventReceiver, receipt: string) {
    this.#appender = appender;
    this.#receiver = receiver;
    this.#receipt = receipt;
  }

  /**
   * Reads the request to its end. Calls `started` when the first append is durable or the request was empty. An earlier
   * failure is thrown, so that the caller can answer with a status; a later failure becomes the last row. Calls `kept`
   * with the number of events in the log before it writes the summary.
   */
  async run(
    request: AsyncIterable<Uint8Array>,
    started: () => void,
    kept: (events: number) => Promise<void>,
  ): Promise<EventSummary> {
    let begun = false;
    let append: Promise<void> = Promise.resolve();
    const flush = async (events: readonly Incoming[]): Promise<void> => {
      const rows = await this.#appender.append(events, this.#receipt);
      if (!begun) started();
      begun = true;
      this.#write(rows);
      if (rows.some((row) => !(row instanceof Promise) && row.status === 'unavailable'))
        throw new EngineUnavailable('the log stored only some of the events');
    };
    try {
      let index = 0;
      for await (const { lines, chunks } of blocks(request, this.#appender.size)) {
        const received = this.#receiver.receive(lines, index, this.#receipt);
        received.catch(() => undefined);
        await append;
        const events = await received;
        index += events.length;
        // Read and parse the next lines while the log stores these.
        append = flush(events).then(() => {
          // The effect of a statement is found out later.
          if (!events.some((event) => event.ok && event.consent)) chunks.forEach(release);
        });
        append.catch(() => undefined);
        if (this.#waiting > ANSWER_BYTES) await this.#written;
      }
      await append;
    } catch (error) {
      if (!begun) throw error;
      return this.#end(false, kept);
    }
    if (!begun) started();
    return this.#end(true, kept);
  }

  #write(rows: readonly (EventRow | Promise<EventRow>)[]): void {
    this.#waiting += rows.length * 120;
    this.#written = this.#written.then(async () => {
      let text = '';
      for (const row of rows) {
        const settled = row instanceof Promise ? await row : row;
        if (settled.status !== 'unavailable') this.#counts[settled.status] += 1;
        text += `${textOf(settled)}\n`;
      }
      this.#waiting -= rows.length * 120;
      if (!this.answer.destroyed && !this.answer.write(text)) await drained(this.answer);
    });
  }

  #kept(): number {
    return Object.entries(this.#counts).reduce((n, [status, count]) => (status === 'refused' ? n : n + count), 0);
  }

  async #end(complete: boolean, kept: (events: number) => Promise<void>): Promise<EventSummary> {
    await this.#written;
    // If this fails, the receipt cannot show when it is complete. The events are durable anyway.
    const isNoted = await kept(this.#kept()).then(
      () => true,
      () => false,
    );
    const summary: EventSummary = { receipt: this.#receipt, complete: complete && isNoted, ...this.#counts };
    if (!complete) {
      const detail =
        'events without a row above, or with this status, may not be stored: send them again, a repeat changes nothing';
      const rest = { reason: 'log-unavailable', detail, retryAfter: 2, receipt: this.#receipt };
      this.answer.write(`${JSON.stringify({ status: 'unavailable', ...rest })}\n`);
    }
    this.answer.end(`${JSON.stringify({ summary })}\n`);
    return summary;
  }
}

/** An id that stands in JSON as it is. */
const PLAIN = /^[\w.:/-]*$/;
const MEMBERS = 4;
/** The row as JSON. Nearly all rows are of accepted events, and JSON.stringify takes longer. */
function textOf(row: EventRow): string {
  const { index, id, status, receipt } = row;
  const isPlain = status === 'accepted' && id !== undefined && PLAIN.test(id) && Object.keys(row).length === MEMBERS;
  if (!isPlain) return JSON.stringify(row);
  return `{"index":${index},"id":"${id}","status":"accepted","receipt":"${receipt}"}`;
}

function drained(stream: PassThrough): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}

interface Block {
  readonly lines: readonly RawLine[];
  /** Parts of the request that no later line has a part of. */
  readonly chunks: readonly Uint8Array[];
}

/**
 * Frees the memory of a part of the request. Otherwise it stays until V8 marks its heap, and such memory makes V8 mark
 * (docs/adr/0158-intake-gc.md).
 */
function release({ buffer, byteLength }: Uint8Array): void {
  if (buffer.byteLength === byteLength && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** The lines of a request, as many at a time as an append has events. */
async function* blocks(request: AsyncIterable<Uint8Array>, size: AppendSize): AsyncGenerator<Block> {
  const splitter = createRawLineSplitter({ maxLineBytes: MAX_EVENT_BYTES });
  let block: RawLine[] = [];
  let bytes = 0;
  let before: Uint8Array[] = [];
  const take = (lines: readonly RawLine[]): Block[] => {
    const full: Block[] = [];
    for (const line of lines) {
      block.push(line);
      bytes += line.kind === 'line' ? line.content.byteLength : 0;
      if (block.length < size.records && bytes < size.bytes) continue;
      full.push({ lines: block, chunks: before });
      before = [];
      block = [];
      bytes = 0;
    }
    return full;
  };
  for await (const chunk of request) {
    yield* take(splitter.push(chunk));
    before.push(chunk);
  }
  yield* take(splitter.end());
  if (block.length > 0) yield { lines: block, chunks: before };
}
