import { answerCalls } from '@provider-access/engines/threads';
import type { JudgeOptions } from '../domain/judge.ts';
import { Packer, type PackedReadings } from './packed.ts';
import { readEvent, type Reading } from './read-event.ts';
import { type Form, type ReceivedLine, receiveLine } from './receive-line.ts';

/**
 * The thread that reads events. It must not import Nest, so that it starts in milliseconds, and from source in tests,
 * where Node cannot run decorators.
 */
export type ReadingTask = ReadTask | ReceiveTask;
interface ReadTask {
  readonly kind: 'read';
  readonly options: JudgeOptions;
  readonly events: readonly {
    readonly topic: string;
    readonly key: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly length: number;
  }[];
  /** The values of all events, concatenated. There may be more bytes behind them. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}
interface ReceiveTask {
  readonly kind: 'receive';
  readonly form: Form;
  readonly receipt: string;
  readonly judging: JudgeOptions | undefined;
  /** Bytes of each line. */
  readonly lengths: readonly number[];
  /** All lines, concatenated. There may be more bytes behind them. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}
export interface ReadingReply {
  readonly read: PackedReadings;
  /** The memory of the task, for the next one. Otherwise it would stay until this thread collects garbage. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

answerCalls(
  (task: ReadingTask): ReadingReply => ({
    read: task.kind === 'receive' ? received(task) : read(task),
    bytes: task.bytes,
  }),
  ({ read: { lines }, bytes }) => [lines.buffer, bytes.buffer],
);

function received({ form, receipt, judging, lengths, bytes }: ReceiveTask): PackedReadings {
  const packer = new Packer<ReceivedLine>();
  let at = 0;
  for (const length of lengths) packer.add(receiveLine(bytes.subarray(at, (at += length)), receipt, judging, form));
  return packer.packed();
}

function read({ options, events, bytes }: ReadTask): PackedReadings {
  const packer = new Packer<Reading>();
  let at = 0;
  for (const { topic, key, headers, length } of events)
    packer.add(readEvent({ topic, key, headers, value: bytes.subarray(at, (at += length)) }, options));
  return packer.packed();
}
