import { parentPort } from 'node:worker_threads';
import type { JudgeOptions } from '../domain/judge.ts';
import { readEvent, type Reading } from './read-event.ts';

/**
 * The thread that reads events. Nothing here may import the framework: it starts in milliseconds, and from source in
 * tests (where no decorator runs).
 */
export interface ReadingTask {
  readonly task: number;
  readonly options: JudgeOptions;
  readonly events: readonly {
    readonly topic: string;
    readonly key: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly length: number;
  }[];
  /** The values, one behind the other. */
  readonly values: Uint8Array<ArrayBuffer>;
}
export type ReadingReply =
  | { readonly task: number; readonly ok: true; readonly readings: readonly Reading[] }
  /** `error` is the name of an exception. Its message may quote data. */
  | { readonly task: number; readonly ok: false; readonly error: string };

function read({ task, options, events, values }: ReadingTask): ReadingReply {
  let at = 0;
  try {
    return {
      task,
      ok: true,
      readings: events.map(({ topic, key, headers, length }) =>
        readEvent({ topic, key, headers, value: values.subarray(at, (at += length)) }, options),
      ),
    };
  } catch (error) {
    return { task, ok: false, error: error instanceof Error ? error.name : 'an unknown error' };
  }
}

parentPort!.on('message', (task: ReadingTask) => parentPort!.postMessage(read(task)));
