import type { LogRecord, NewRecord } from '@provider-access/engines/log';
import { MemoryData, openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { mapBlobs } from './blobs.ts';
import { StateFile } from './embedded/state-file.ts';

/** Of each topic: one append may go to two partitions, and half of it may be in the log. */
const PARTITIONS = 2;

/** Everything that outlives a process, as it was at one moment. Copies share what did not change between them. */
export interface StoresCopy {
  /** Records, and what the consumer groups have committed. */
  readonly log: Uint8Array;
  readonly views: Uint8Array;
  readonly state: Uint8Array;
  readonly files: ReadonlyMap<string, Buffer>;
}
/** What was written since the last copy, as far as a store does not tell by itself. */
export type Written = Readonly<Record<'log' | 'views' | 'files', boolean>>;

export const sameCopy = (a: StoresCopy, b: StoresCopy): boolean =>
  a.log === b.log && a.views === b.views && a.state === b.state && a.files === b.files;

/** Everything that outlives a process: what the log, its groups, the views, the state store and the file store hold. */
export class Stores {
  readonly log: MemoryData;
  readonly views = openMemoryViews();
  readonly state: StateFile;
  readonly files = new Map<string, Buffer>();
  readonly blobs = mapBlobs(this.files);

  constructor(clock: { now(): number }, copy?: StoresCopy) {
    const now = (): number => clock.now();
    this.log = new MemoryData({ partitions: PARTITIONS, now, ...(copy && { copy: copy.log }) });
    this.state = StateFile.of(copy?.state);
    if (copy === undefined) return;
    this.views.store.restore(copy.views);
    for (const [name, content] of copy.files) this.files.set(name, content);
  }

  records(topic: string): readonly (readonly LogRecord[])[] {
    return this.log.records(topic);
  }
  /** Somebody else appends to the log. */
  async append(topic: string, records: readonly NewRecord[]): Promise<void> {
    const log = openMemoryLog({ data: this.log });
    await log.append(topic, records);
    await log.close();
  }
  copy(): StoresCopy {
    return {
      log: this.log.store.copy(),
      views: this.views.store.copy(),
      state: this.state.copy(),
      files: new Map(this.files),
    };
  }
  /** The same, sharing with the last copy what is as it was. */
  copyAfter(last: StoresCopy, written: Written): StoresCopy {
    const state = this.state.copy();
    return {
      log: written.log ? this.log.store.copy() : last.log,
      views: written.views ? this.views.store.copy() : last.views,
      state: Buffer.compare(last.state, state) === 0 ? last.state : state,
      files: written.files ? new Map(this.files) : last.files,
    };
  }
  close(): void {
    this.log.store.close();
    this.state.close();
  }
}
