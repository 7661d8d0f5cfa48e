import { answerCalls } from '@provider-access/engines/threads';
import type { JudgeOptions } from '../domain/judge.ts';
import { readEvent, type Reading } from './read-event.ts';

/**
 * The thread that reads events. It must not import Nest, so that it starts in milliseconds, and from source in tests,
 * where Node cannot run decorators.
 */
export interface ReadingTask {
  readonly options: JudgeOptions;
  readonly events: readonly {
    readonly topic: string;
    readonly key: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly length: number;
  }[];
  /** The values of all events, concatenated. */
  readonly values: Uint8Array<ArrayBuffer>;
}

answerCalls(({ options, events, values }: ReadingTask): readonly Reading[] => {
  let at = 0;
  return events.map(({ topic, key, headers, length }) =>
    readEvent({ topic, key, headers, value: values.subarray(at, (at += length)) }, options),
  );
});
