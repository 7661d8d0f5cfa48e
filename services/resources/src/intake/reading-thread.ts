import { Worker } from 'node:worker_threads';
import { EngineUnavailable, type LogRecord } from '@provider-access/engines/log';
import type { JudgeOptions } from '../domain/judge.ts';
import { isElsewhere, readEvent, type ReadEvent, type Reading } from './read-event.ts';
import type { ReadingReply, ReadingTask } from './reading-worker.ts';

/**
 * A batch up to this size is read in this thread, bytes: sending it to the other thread and back would take longer than
 * it saves.
 */
const INLINE_BYTES = 32 * 1024;
/**
 * Memory of the thread. The largest accepted event needs a fraction of it. If the thread outgrows it, it ends and
 * starts again.
 */
const LIMITS = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 16 };

interface Waiting {
  resolve(readings: readonly Reading[]): void;
  reject(error: Error): void;
}

/**
 * Reads the events of batches in a thread beside the one that appends and serves. Parsing, checking and redacting is
 * pure, and is a third of the cost of an event. The thread starts with the first batch that is large enough.
 */
export class ReadingThread {
  private readonly waiting = new Map<number, Waiting>();
  private thread: Worker | undefined;
  private tasks = 0;
  private closed = false;

  /**
   * What the records say, in their order. @throws EngineUnavailable when the thread ended: the batch can be read again
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

  /** Ends the thread; what it was reading is refused. */
  async close(): Promise<void> {
    this.closed = true;
    await this.thread?.terminate();
  }

  private ask(records: readonly LogRecord[], bytes: number, options: JudgeOptions): Promise<readonly Reading[]> {
    if (this.closed) return Promise.reject(new EngineUnavailable('this process stops'));
    const values = new Uint8Array(bytes);
    let at = 0;
    const events = records.map(({ topic, key, headers, value }) => {
      values.set(value, at);
      at += value.byteLength;
      return { topic, key, headers, length: value.byteLength };
    });
    const thread = (this.thread ??= this.start());
    const task = (this.tasks += 1);
    return new Promise((resolve, reject) => {
      this.waiting.set(task, { resolve, reject });
      thread.ref();
      thread.postMessage({ task, options, events, values } satisfies ReadingTask, [values.buffer]);
    });
  }

  private start(): Worker {
    const source = import.meta.url.endsWith('.ts');
    const thread = new Worker(new URL(source ? './reading-worker.ts' : './reading-worker.js', import.meta.url), {
      resourceLimits: LIMITS,
      ...(source && { execArgv: ['--conditions=@provider-access/source'] }),
    });
    thread.on('message', (reply: ReadingReply) => {
      const waiting = this.waiting.get(reply.task);
      this.waiting.delete(reply.task);
      if (this.waiting.size === 0) thread.unref();
      if (reply.ok) waiting?.resolve(reply.readings);
      else waiting?.reject(new Error(`events could not be read: ${reply.error}`));
    });
    const gone = (): void => {
      if (this.thread !== thread) return;
      this.thread = undefined;
      for (const { reject } of this.waiting.values())
        reject(new EngineUnavailable('the thread that reads events ended'));
      this.waiting.clear();
    };
    thread.on('error', gone);
    thread.on('exit', gone);
    return thread;
  }
}
