import type { Blobs } from '@provider-access/engines/blob';
import type { Appended, EventLog, NewRecord } from '@provider-access/engines/log';
import { MemoryData } from '@provider-access/engines/log/memory';
import type { State } from '@provider-access/engines/state';
import {
  collectionName,
  type Projection,
  type ViewOp,
  type Views,
  type ViewStore,
} from '@provider-access/engines/views';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { sameCopy, Stores, type StoresCopy } from './stores.ts';

/** Kinds of calls that change durable data: the log, a consumer group, a view, the state store or a file. */
export const CALL_KINDS = ['append', 'commit', 'apply', 'state', 'put'] as const;
export type CallKind = (typeof CALL_KINDS)[number];

/** The death of a process: the stores that it leaves behind, and the answers that its clients have by then. */
export interface KillPoint<Known> {
  /** Such as "after append 12 (pa.records)". Several moments can leave the same stores behind. */
  readonly names: string[];
  readonly stores: StoresCopy;
  readonly known: Known;
}

/**
 * Ports of a process that dies before, within or after its n-th call that changes a store, for every n.
 *
 * The death of a process leaves the stores as they are at that moment. The recorder copies the stores at each such
 * moment and lets the process continue, so that one undisturbed run gives all points. Afterwards a test starts a new
 * process on each copy.
 */
export class Recorder<Known> {
  readonly points: KillPoint<Known>[] = [];
  readonly calls: Record<CallKind, number> = { append: 0, commit: 0, apply: 0, state: 0, put: 0 };
  readonly stores: Stores;
  readonly #known: () => Known;
  #last: { readonly point: KillPoint<Known>; readonly known: string } | undefined;
  #written = { log: false, views: false, files: false };
  readonly #inFlight = new Set<Promise<unknown>>();
  #recording = false;

  /** `known`: the answers that the clients have, as plain data. */
  constructor(copy: StoresCopy, clock: { now(): number }, known: () => Known) {
    this.#known = known;
    this.stores = new Stores(clock, copy);
    const { store, logs } = this.stores.log;
    logs.add({ wake: () => void (this.#written.log = true) });
    const commit = store.commit.bind(store);
    store.commit = (...place) => this.#commit(place, () => commit(...place));
  }

  start(): void {
    this.#recording = true;
    this.#moment('at the beginning');
  }
  /** Waits for running calls, so that they are recorded too. */
  async stop(): Promise<void> {
    this.#recording = false;
    await Promise.allSettled(this.#inFlight);
    this.#moment('at the end');
  }

  log(log: EventLog): EventLog {
    const append = log.append.bind(log);
    log.append = (topic, records) =>
      this.#around(
        'append',
        topic,
        () => append(topic, records),
        (before, appended) => firstPartition(before, this.stores, topic, records, appended),
      );
    return log;
  }

  get views(): Views {
    const { views } = this.stores;
    return {
      store: this.#viewStore(views.store),
      reader: (projection) => views.reader(projection),
      extracts: (options) => views.extracts(options),
      close: () => views.close(),
      remote: views.remote,
    };
  }

  get blobs(): Blobs {
    const { blobs } = this.stores;
    return {
      ...blobs,
      put: (name, content) => this.#around('put', name, () => blobs.put(name, content)),
      writer: async (name) => {
        const writer = await blobs.writer(name);
        return {
          write: (chunk) => writer.write(chunk),
          abort: () => writer.abort(),
          commit: () => this.#around('put', name, () => writer.commit()),
        };
      },
      deletePrefix: (prefix) => this.#around('put', `delete ${prefix}`, () => blobs.deletePrefix(prefix)),
    };
  }

  state(state: State): State {
    const watch = <Port extends object>(name: string, port: Port, reads: readonly string[]): Port =>
      watched(
        port,
        (method) => !reads.includes(method),
        (method, input, call) => this.#around('state', `${name}.${method} ${nameOf(input[0])}`, call),
      );
    return {
      streams: watch('streams', state.streams, ['load', 'published']),
      claims: watch('claims', state.claims, ['get']),
      bridging: watch('bridging', state.bridging, ['get']),
      leases: watch('leases', state.leases, ['current']),
      // Nothing of them outlives the process.
      briefLeases: state.briefLeases,
      counters: watch('counters', state.counters, []),
      work: watch('work', state.work, ['count']),
      presence: watch('presence', state.presence, ['list']),
      close: () => state.close(),
    };
  }

  #viewStore(store: ViewStore): ViewStore {
    const writes = ['apply', 'startBuild', 'reopen', 'seal', 'unseal', 'swap', 'dropBuild'];
    return watched(
      store,
      (method) => writes.includes(method),
      (method, input, call) => {
        const [projection, build, ops, checkpoint] = input as Parameters<ViewStore['apply']>;
        const name = collectionName(projection);
        const note = (): void => void (this.#written.views = true);
        if (method !== 'apply') return this.#around('apply', `${method} ${name}`, call, undefined, note);
        const place =
          checkpoint === undefined ? '' : ` ${checkpoint.topic}/${checkpoint.partition} to ${checkpoint.next}`;
        const within =
          checkpoint === undefined || ops.length === 0
            ? undefined
            : (before: StoresCopy): StoresCopy => withoutCheckpoint(before, projection, build, ops);
        return this.#around('apply', `${name}${place}`, call, within, note);
      },
    );
  }

  /** `within` makes the stores of a call that is half done. */
  #around<T>(kind: CallKind, about: string, call: () => Promise<T>, within?: Within<T>, note?: () => void): Promise<T> {
    if (!this.#recording) return call();
    const recorded = this.#recordAround(
      kind,
      `${kind} ${(this.calls[kind] += 1)} (${about.trim()})`,
      call,
      within,
      note,
    );
    this.#inFlight.add(recorded);
    void recorded.finally(() => this.#inFlight.delete(recorded)).catch(() => undefined);
    return recorded;
  }
  async #recordAround<T>(
    kind: CallKind,
    name: string,
    call: () => Promise<T>,
    within?: Within<T>,
    note?: () => void,
  ): Promise<T> {
    this.#moment(`before ${name}`);
    const before = this.#last!;
    let after: StoresCopy | undefined;
    try {
      const result = await call();
      note?.();
      this.#written.files ||= kind === 'put';
      after = this.#copy();
      const half = within?.(before.point.stores, result);
      if (half !== undefined)
        this.points.push({ names: [`within ${name}`], stores: half, known: JSON.parse(before.known) as Known });
      return result;
    } finally {
      this.#moment(`after ${name}`, after);
    }
  }
  /** Flushes the log, so that a committed offset is durable at once. */
  #commit([group, topic, partition]: Parameters<MemoryData['store']['commit']>, commit: () => void): void {
    if (!this.#recording) return commit();
    const name = `commit ${(this.calls.commit += 1)} (${group} ${topic} ${partition})`;
    const { store } = this.stores.log;
    // Flush pending appends first, because they are not part of the commit.
    void store.flush();
    this.#moment(`before ${name}`);
    commit();
    void store.flush();
    this.#written.log = true;
    this.#moment(`after ${name}`);
  }

  #copy(): StoresCopy {
    return this.#last === undefined
      ? this.stores.copy()
      : this.stores.copyAfter(this.#last.point.stores, this.#written);
  }
  /** Records a point, unless nothing has changed since the last point. */
  #moment(name: string, stores?: StoresCopy): void {
    const left = stores ?? this.#copy();
    const known = JSON.stringify(this.#known());
    this.#written = { log: false, views: false, files: false };
    if (this.#last !== undefined && this.#last.known === known && sameCopy(this.#last.point.stores, left)) {
      this.#last.point.names.push(name);
      return;
    }
    const point: KillPoint<Known> = { names: [name], stores: left, known: JSON.parse(known) as Known };
    this.points.push(point);
    this.#last = { point, known };
  }
}

type Within<T> = (before: StoresCopy, result: T) => StoresCopy | undefined;

type Around = (method: string, input: readonly unknown[], call: () => Promise<unknown>) => Promise<unknown>;
/** Wraps a port, so that some of its methods are called through `around`. */
function watched<Port extends object>(port: Port, which: (method: string) => boolean, around: Around): Port {
  return new Proxy(port, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (typeof key !== 'string' || !which(key)) return value.bind(target) as unknown;
      return (...input: unknown[]) => around(key, input, () => value.apply(target, input) as Promise<unknown>);
    },
  });
}

function nameOf(input: unknown): string {
  if (typeof input === 'string') return input;
  const { queue, id, name } = (input ?? {}) as {
    readonly queue?: string;
    readonly id?: string;
    readonly name?: string;
  };
  return [queue, id ?? name].filter((text) => text !== undefined).join(' ');
}

/** The stores after an append has reached the first of several partitions, because Kafka appends to one at a time. */
function firstPartition(
  before: StoresCopy,
  { log }: Stores,
  topic: string,
  records: readonly NewRecord[],
  appended: readonly Appended[],
): StoresCopy | undefined {
  const { partition, offset } = appended[0] ?? {};
  if (partition === undefined || appended.every((a) => a.partition === partition)) return undefined;
  const { timestamp } = log.records(topic)[partition]![offset!]!;
  const { store } = new MemoryData({ copy: before.log, now: () => timestamp });
  const first = records.filter((_, i) => appended[i]!.partition === partition);
  void store.append(
    topic,
    first.map((record) => ({ record, partition })),
  );
  // The call is synchronous here.
  void store.flush();
  const copy = store.copy();
  store.close();
  return { ...before, log: copy };
}

/** The stores after the documents of a batch are durable, but not their checkpoint. */
function withoutCheckpoint(
  before: StoresCopy,
  projection: Projection,
  build: number,
  ops: readonly ViewOp[],
): StoresCopy {
  const { store } = openMemoryViews();
  store.restore(before.views);
  // The call is synchronous here.
  void store.apply(projection, build, ops);
  const views = store.copy();
  store.close();
  return { ...before, views };
}
