import { PassThrough } from 'node:stream';
import { EngineUnavailable } from '@provider-access/engines/log';
import { createLineSplitter } from '@provider-access/kernel/fhir';
import type { EventAppender, EventRow } from './append-events.ts';
import { fromText, type Incoming, MAX_EVENT_BYTES, notUtf8, tooLarge } from './incoming.ts';

/** Events an append at most: those of an append are acknowledged together. */
export const APPEND_EVENTS = 250;
const APPEND_BYTES = 1024 * 1024;
/**
 * Answer bytes that may wait for the client. Many clients read only after they have sent everything, so an early pause
 * would stop both sides for ever. A hundred thousand rows fit.
 */
const ANSWER_BYTES = 16 * 1024 * 1024;

type Counted = Exclude<EventRow['status'], 'unavailable'>;
/** How many rows had each status, beside whether the stream was taken to its end. */
export interface EventSummary extends Readonly<Record<Counted, number>> {
  readonly receipt: string;
  readonly complete: boolean;
}

/**
 * Reads one structured event a line and answers one row a line, in order, then `{"summary":{…}}`. Memory is bounded by
 * a few appends and the answer buffer, whatever the size of the request. The log being away ends the answer with a row
 * that says so.
 */
export class EventStream {
  readonly answer = new PassThrough({ highWaterMark: ANSWER_BYTES });
  private readonly appender: EventAppender;
  private readonly receipt: string;
  private readonly counts: Record<Counted, number> = {
    accepted: 0,
    effective: 0,
    scheduled: 0,
    superseded: 0,
    parked: 0,
    refused: 0,
  };
  /** Rows are written in order although some wait for their effect. */
  private written: Promise<void> = Promise.resolve();
  private waiting = 0;

  constructor(appender: EventAppender, receipt: string) {
    this.appender = appender;
    this.receipt = receipt;
  }

  /**
   * Reads the request to its end. `started` is called when the first append is durable (or nothing came). A failure
   * before that is thrown, and the caller can still answer with a status; a later failure becomes the last row. `kept`
   * gets the number of events in the log, before the summary is written.
   */
  async run(
    request: AsyncIterable<Uint8Array>,
    started: () => void,
    kept: (events: number) => Promise<void>,
  ): Promise<EventSummary> {
    let begun = false;
    let append: Promise<void> = Promise.resolve();
    const flush = async (events: readonly Incoming[]): Promise<void> => {
      const rows = await this.appender.append(events, this.receipt);
      if (!begun) started();
      begun = true;
      this.write(rows);
      if (rows.some((row) => !(row instanceof Promise) && row.status === 'unavailable'))
        throw new EngineUnavailable('the log took a part of the events');
    };
    try {
      for await (const events of batches(request, this.receipt)) {
        await append;
        // The next lines are read and parsed while these are made durable.
        append = flush(events);
        append.catch(() => undefined);
        if (this.waiting > ANSWER_BYTES) await this.written;
      }
      await append;
    } catch (error) {
      if (!begun) throw error;
      return this.end(false, kept);
    }
    if (!begun) started();
    return this.end(true, kept);
  }

  private write(rows: readonly (EventRow | Promise<EventRow>)[]): void {
    this.waiting += rows.length * 120;
    this.written = this.written.then(async () => {
      let text = '';
      for (const row of rows) {
        const settled = row instanceof Promise ? await row : row;
        if (settled.status !== 'unavailable') this.counts[settled.status] += 1;
        text += `${JSON.stringify(settled)}\n`;
      }
      this.waiting -= rows.length * 120;
      if (!this.answer.destroyed && !this.answer.write(text)) await drained(this.answer);
    });
  }

  /** Events that are in the log. */
  private kept(): number {
    return Object.entries(this.counts).reduce((n, [status, count]) => (status === 'refused' ? n : n + count), 0);
  }

  private async end(complete: boolean, kept: (events: number) => Promise<void>): Promise<EventSummary> {
    await this.written;
    // If this fails, the receipt cannot say when it is complete. The events are durable anyway.
    const isNoted = await kept(this.kept()).then(
      () => true,
      () => false,
    );
    const summary: EventSummary = { receipt: this.receipt, complete: complete && isNoted, ...this.counts };
    if (!complete) {
      const detail =
        'events without a row above, or with this status, may not be stored: ' +
        'send them again, what comes twice changes nothing';
      const rest = { reason: 'log-unavailable', detail, retryAfter: 2, receipt: this.receipt };
      this.answer.write(`${JSON.stringify({ status: 'unavailable', ...rest })}\n`);
    }
    this.answer.end(`${JSON.stringify({ summary })}\n`);
    return summary;
  }
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

async function* batches(request: AsyncIterable<Uint8Array>, receipt: string): AsyncGenerator<readonly Incoming[]> {
  const splitter = createLineSplitter({ maxLineBytes: MAX_EVENT_BYTES });
  let index = 0;
  let events: Incoming[] = [];
  let bytes = 0;
  const take = (lines: ReturnType<typeof splitter.push>): (readonly Incoming[])[] => {
    const full: (readonly Incoming[])[] = [];
    for (const line of lines) {
      const event =
        line.kind === 'line'
          ? fromText(index, line.text, receipt)
          : line.kind === 'too-long'
            ? tooLarge(index, line.bytes)
            : notUtf8(index);
      index += 1;
      events.push(event);
      bytes += event.ok ? event.bytes : 100;
      if (events.length < APPEND_EVENTS && bytes < APPEND_BYTES) continue;
      full.push(events);
      events = [];
      bytes = 0;
    }
    return full;
  };
  for await (const chunk of request) yield* take(splitter.push(chunk));
  yield* take(splitter.end());
  if (events.length > 0) yield events;
}
