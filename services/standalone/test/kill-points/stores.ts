import type { LogRecord, NewRecord } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { mapBlobs } from './blobs.ts';
import { StateFile } from './embedded/state-file.ts';

type Topics = ReadonlyMap<string, readonly (readonly LogRecord[])[]>;

/** Everything that outlives a process, as it was at one moment. Copies share what did not change between them. */
export interface StoresCopy {
  readonly topics: Topics;
  readonly commits: ReadonlyMap<string, number>;
  readonly views: Uint8Array;
  readonly state: Uint8Array;
  readonly files: ReadonlyMap<string, Buffer>;
}
/** What was written since the last copy, as far as a store does not tell by itself. */
export interface Written {
  readonly commits: boolean;
  readonly files: boolean;
  readonly views: boolean;
}

export const sameCopy = (a: StoresCopy, b: StoresCopy): boolean =>
  a.topics === b.topics && a.commits === b.commits && a.views === b.views && a.state === b.state && a.files === b.files;

/** Everything that outlives a process: what the log, its groups, the views, the state store and the file store hold. */
export class Stores {
  readonly topics = new Map<string, LogRecord[][]>();
  readonly commits: Map<string, number>;
  readonly views = openMemoryViews();
  readonly state: StateFile;
  readonly files = new Map<string, Buffer>();
  readonly blobs = mapBlobs(this.files);

  /** `commits` may be a map that reports what is written to it. */
  constructor(copy?: StoresCopy, commits = new Map<string, number>()) {
    this.commits = commits;
    this.state = StateFile.of(copy?.state);
    if (copy === undefined) return;
    for (const [topic, partitions] of copy.topics)
      this.topics.set(
        topic,
        partitions.map((records) => [...records]),
      );
    for (const [key, next] of copy.commits) this.commits.set(key, next);
    this.views.store.restore(copy.views);
    for (const [name, content] of copy.files) this.files.set(name, content);
  }

  /** Somebody else appends to the log. */
  async append(topic: string, records: readonly NewRecord[], now: () => number): Promise<void> {
    const log = openMemoryLog({ data: this, now });
    await log.append(topic, records);
    await log.close();
  }
  copy(): StoresCopy {
    return {
      topics: copyOf(this.topics),
      commits: new Map(this.commits),
      views: this.views.store.copy(),
      state: this.state.copy(),
      files: new Map(this.files),
    };
  }
  /** The same, sharing with the last copy what is as it was. */
  copyAfter(last: StoresCopy, written: Written): StoresCopy {
    const state = this.state.copy();
    return {
      topics: sameLengths(last.topics, this.topics) ? last.topics : copyOf(this.topics),
      commits: written.commits ? new Map(this.commits) : last.commits,
      views: written.views ? this.views.store.copy() : last.views,
      state: Buffer.compare(last.state, state) === 0 ? last.state : state,
      files: written.files ? new Map(this.files) : last.files,
    };
  }
  close(): void {
    this.state.close();
  }
}

const copyOf = (topics: Topics): Topics =>
  new Map([...topics].map(([topic, partitions]) => [topic, partitions.map((records) => [...records])]));
/** A log only grows. */
function sameLengths(a: Topics, b: Topics): boolean {
  if (a.size !== b.size) return false;
  for (const [topic, partitions] of a)
    if (!partitions.every((records, p) => b.get(topic)?.[p]?.length === records.length)) return false;
  return true;
}
