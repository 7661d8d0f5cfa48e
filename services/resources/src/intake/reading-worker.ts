import { answerCalls } from '@provider-access/engines/threads';
import type { JudgeOptions } from '../domain/judge.ts';
import { readEvent, type Reading } from './read-event.ts';

/**
 * The thread that reads events. Nothing here may import the framework: it starts in milliseconds, and from source in
 * tests (where no decorator runs).
 */
export interface ReadingTask {
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

answerCalls(({ options, events, values }: ReadingTask): readonly Reading[] => {
  let at = 0;
  return events.map(({ topic, key, headers, length }) =>
    readEvent({ topic, key, headers, value: values.subarray(at, (at += length)) }, options),
  );
});
