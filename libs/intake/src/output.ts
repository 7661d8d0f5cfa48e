import type { NewRecord } from '@provider-access/engines/log';

/** One record for one topic. */
export interface Output {
  readonly topic: string;
  readonly record: NewRecord;
}
