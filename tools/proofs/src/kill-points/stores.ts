import type { LogRecord, NewRecord } from '@provider-access/engines/log';
import { MemoryData, openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { mapBlobs } from './blobs.ts';
import { StateFile } from './embedded/state-file.ts';

/** Partitions of each topic. With two, a kill can leave half of an append in the log. */
const PARTITIONS = 2;

/** A copy of everything that outlives a process. Copies share unchanged data. */
export interface StoresCopy {
  /** Records and the committed offsets of consumer groups. */
  readonly log: Uint8Array;
  readonly views: Uint8Array;
  readonly state: Uint8Array;
  readonly files: ReadonlyMap<string, Buffer>;
}
/** The stores that were written since the last copy, for stores that do not track this themselves. */
export type Written = Readonly<Record<'log' | 'views' | 'files', boolean>>;

export const sameCopy = (a: StoresCopy, b: StoresCopy): boolean =>
  a.log === b.log && a.views === b.views && a.state === b.state && a.files === b.files;

/** Everything that outlives a process: log, consumer groups, views, state store and file store. */
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
  /** Appends to the log as another program. */
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
  /** Copies only changed stores, and shares the others with the last copy. */
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
