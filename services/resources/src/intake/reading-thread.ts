import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { EngineUnavailable, type LogRecord } from '@provider-access/engines/log';
import { type ThreadError, ThreadPool } from '@provider-access/engines/threads';
import type { JudgeOptions } from '../domain/judge.ts';
import { isElsewhere, readEvent, type ReadEvent, type Reading } from './read-event.ts';
import type { ReadingTask } from './reading-worker.ts';

/**
 * Bytes. A batch up to this size is read in the main thread, because handing it over would take longer than it saves.
 */
const INLINE_BYTES = 32 * 1024;
/**
 * Memory of the thread. The largest event needs a fraction of it. A thread that exceeds the limit ends and is replaced.
 */
const LIMITS = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 16 };

/**
 * Reads the events of batches in a worker thread. Parsing, validation and redaction are pure functions, and a third of
 * the cost of an event. The thread starts with the first batch that is large enough.
 */
@Injectable()
export class ReadingThread implements OnApplicationShutdown {
  private readonly pool = new ThreadPool<ReadingTask, readonly Reading[]>(
    new URL('./reading-worker.ts', import.meta.url),
    { ahead: Number.POSITIVE_INFINITY, resourceLimits: LIMITS },
  );

  /**
   * Reads the records and keeps their order. @throws EngineUnavailable when the thread ended; the batch can be retried
   */
  async read(records: readonly LogRecord[], options: JudgeOptions): Promise<readonly ReadEvent[]> {
    const ours = records.filter((record) => !isElsewhere(record));
    const bytes = ours.reduce((sum, { value }) => sum + value.byteLength, 0);
    if (bytes <= INLINE_BYTES) return records.map((record) => ({ record, ...readEvent(record, options) }));
    const readings = await this.ask(ours, bytes, options);
    let at = 0;
    return records.map((record) => ({
      record,
      ...(record === ours[at] ? readings[at++]! : readEvent(record, options)),
    }));
  }

  /**
   * Ends the thread. Reads that are running reject. In this hook, because consumers have stopped before and no batch
   * needs the thread.
   */
  onApplicationShutdown(): Promise<void> {
    return this.pool.close();
  }

  private ask(records: readonly LogRecord[], bytes: number, options: JudgeOptions): Promise<readonly Reading[]> {
    const values = new Uint8Array(bytes);
    let at = 0;
    const events = records.map(({ topic, key, headers, value }) => {
      values.set(value, at);
      at += value.byteLength;
      return { topic, key, headers, length: value.byteLength };
    });
    return this.pool
      .call({ options, events, values }, [values.buffer])
      .catch(({ thrown, message }: ThreadError): never => {
        if (thrown === undefined) throw new EngineUnavailable(message);
        throw new Error(`events could not be read: ${thrown}`);
      });
  }
}
