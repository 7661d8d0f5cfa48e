import { setImmediate as nextTurn } from 'node:timers/promises';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { textOf } from '@provider-access/events';
import { receivedOf } from '@provider-access/intake/received';
import { EngineUnavailable, type LogRecord } from '@provider-access/engines/log';
import { ThreadError, ThreadPool } from '@provider-access/engines/threads';
import { notes } from '@provider-access/kernel';
import type { JudgeOptions } from '../domain/judge.ts';
import { scanData } from '../domain/sent-text.ts';
import { type PackedReadings, unpacked } from './packed.ts';
import { eventOf, isElsewhere, readEvent, type ReadEvent, type Reading } from './read-event.ts';
import type { ReadingReply, ReadingTask } from './reading-worker.ts';
import { LINE, type ReceivedLine, receiveLine } from './receive-line.ts';

/**
 * Bytes. A batch up to this size is read in the main thread, because handing it over would take longer than it saves.
 */
const INLINE_BYTES = 32 * 1024;
/**
 * Memory of the thread. The largest event needs a fraction of it. A thread that exceeds the limit ends and is replaced.
 * What it makes of a block of events is garbage once the block is answered, so a larger young generation halves both
 * kinds of collections. A flag of the process, as `npm start` has it, decides instead of this.
 */
const LIMITS = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 48 };

/** Bytes that the main thread reads in one turn of the event loop: some milliseconds. */
const TURN_BYTES = 256 * 1024;

/** Memory of a task, bytes: as much as an append has. So the memory of one task fits nearly each next one. */
const TASK_BYTES = 1024 * 1024;
/** Memory of tasks that is kept for the next ones. */
const [MOST_FREE, MOST_FREE_BYTES] = [3, 1.5 * TASK_BYTES];

interface Kept {
  readonly reading: Reading;
  readonly judging: JudgeOptions;
}

/**
 * Reads the events of requests and of batches in a worker thread. Parsing, validation and redaction are pure functions,
 * and a third of the cost of an event. The thread starts with the first batch that is large enough.
 */
@Injectable()
export class ReadingThread implements OnApplicationShutdown {
  private readonly pool = new ThreadPool<ReadingTask, ReadingReply>(new URL('./reading-worker.ts', import.meta.url), {
    ahead: Number.POSITIVE_INFINITY,
    resourceLimits: LIMITS,
  });
  /**
   * Readings of events that this process has received, until the log delivers them: by the headers of the record, which
   * a log in this process hands on as they are. A reading goes when nobody has the headers any more.
   */
  private readonly kept = notes<LogRecord['headers'], Kept>();
  private readonly free: Uint8Array<ArrayBuffer>[] = [];

  /**
   * Reads the records and keeps their order. @throws EngineUnavailable when the thread ended; the batch can be retried
   */
  async read(records: readonly LogRecord[], options: JudgeOptions): Promise<readonly ReadEvent[]> {
    const known = records.map((record) => this.take(record, options) ?? readParsed(record, options));
    const ours = records.filter((record, i) => known[i] === undefined && !isElsewhere(record));
    const bytes = ours.reduce((sum, { value }) => sum + value.byteLength, 0);
    const readings = bytes <= INLINE_BYTES ? [] : await this.readInThread(ours, bytes, options);
    let at = 0;
    return records.map((record, i) =>
      eventOf(
        record,
        known[i] ?? (readings.length > 0 && record === ours[at] ? readings[at++]! : readEvent(record, options)),
      ),
    );
  }

  /**
   * Reads the events of a request and keeps their order. If the thread ends, this thread reads them.
   * @param judging how intake judges events now. Without it, intake reads the events from the log, and parsing them for
   * the answer alone is not worth the way to the thread
   */
  async receive(
    lines: readonly Uint8Array[],
    receipt: string,
    judging: JudgeOptions | undefined,
    form = LINE,
  ): Promise<readonly ReceivedLine[]> {
    const bytes = lines.reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (judging === undefined || bytes <= INLINE_BYTES)
      return inTurns(lines, (line) => receiveLine(line, receipt, judging, form));
    const lengths = lines.map(({ byteLength }) => byteLength);
    try {
      const memory = this.concatenated(lines, bytes);
      const task = { kind: 'receive', form, receipt, judging, lengths, bytes: memory } as const;
      return unpacked<ReceivedLine>(await this.inThread(task));
    } catch (error) {
      if (!(error instanceof ThreadError)) throw error;
      return inTurns(lines, (line) => receiveLine(line, receipt, undefined, form));
    }
  }

  /** Keeps what was read of a record that is about to be appended. */
  keep(headers: LogRecord['headers'], reading: Reading, judging: JudgeOptions): void {
    this.kept.set(headers, { reading, judging });
  }

  /**
   * Ends the thread. Reads that are running reject. In this hook, because consumers have stopped before and no batch
   * needs the thread.
   */
  onApplicationShutdown(): Promise<void> {
    return this.pool.close();
  }

  /** The reading that was kept, once. The rules must be the same, and the time must not be earlier. */
  private take({ headers }: LogRecord, { now, excludesDrugs }: JudgeOptions): Reading | undefined {
    const kept = this.kept.get(headers);
    if (kept === undefined) return undefined;
    this.kept.delete(headers);
    return kept.judging.now <= now && kept.judging.excludesDrugs === excludesDrugs ? kept.reading : undefined;
  }

  private async readInThread(
    records: readonly LogRecord[],
    bytes: number,
    options: JudgeOptions,
  ): Promise<readonly Reading[]> {
    const events = records.map(({ topic, key, headers, value }) => ({ topic, key, headers, length: value.byteLength }));
    try {
      const values = records.map(({ value }) => value);
      const task = { kind: 'read', options, events, bytes: this.concatenated(values, bytes) } as const;
      return unpacked<Reading>(await this.inThread(task));
    } catch (error) {
      if (!(error instanceof ThreadError)) throw error;
      if (error.thrown === undefined) throw new EngineUnavailable(error.message);
      throw new Error(`events could not be read: ${error.thrown}`, { cause: error });
    }
  }

  private async inThread(task: ReadingTask): Promise<PackedReadings> {
    const { read, bytes } = await this.pool.call(task, [task.bytes.buffer]);
    if (this.free.length < MOST_FREE && bytes.byteLength <= MOST_FREE_BYTES) this.free.push(bytes);
    return read;
  }

  /** The parts at the start of memory that a task has given back, or of new memory. */
  private concatenated(parts: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
    const given = this.free.pop();
    const whole =
      given !== undefined && given.byteLength >= bytes ? given : new Uint8Array(Math.max(bytes, TASK_BYTES));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.byteLength;
    }
    return whole;
  }
}

/** Reads a record of which this process has the parsed data, and no reading: a later time may permit the event. */
function readParsed(record: LogRecord, options: JudgeOptions): Reading | undefined {
  const parsed = isElsewhere(record) ? undefined : receivedOf(record)?.parsed;
  return parsed && readEvent(record, options, { ...parsed, text: scanData(textOf(record)) });
}

/** Reads lines in this thread, with turns for other requests: one of them may be an opt-out. */
async function inTurns<T>(lines: readonly Uint8Array[], read: (line: Uint8Array) => T): Promise<readonly T[]> {
  const found: T[] = [];
  let bytes = 0;
  for (const line of lines) {
    if (bytes > TURN_BYTES) {
      await nextTurn();
      bytes = 0;
    }
    bytes += line.byteLength;
    found.push(read(line));
  }
  return found;
}
