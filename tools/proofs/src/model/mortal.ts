import type { Blobs } from '@provider-access/engines/blob';
import {
  type Appended,
  EngineUnavailable,
  type EventLog,
  type NewRecord,
  partitionFor,
  type Subscription,
} from '@provider-access/engines/log';
import type { State } from '@provider-access/engines/state';
import type { Views } from '@provider-access/engines/views';

/** Methods of the ports that change a store. */
const CHANGES = new Set([
  'append',
  'restore',
  'claim',
  'claimMany',
  'insertOnce',
  'acquire',
  'hit',
  'put',
  'take',
  'done',
  'release',
  'remove',
  'commit',
  'delete',
  'deletePrefix',
  'apply',
  'startBuild',
  'reopen',
  'seal',
  'unseal',
  'swap',
  'dropBuild',
]);

export type Side = 'before' | 'half' | 'after';

/**
 * The life of an instance. It ends at once, or before, within or after a later change of a store. Afterwards every call
 * throws, so that no call of the instance reaches a store.
 */
export class Life {
  /** The number of next appends to several partitions that reach only the first partition. */
  partialAppends = 0;
  alive = true;
  readonly #held = new Map<string, Promise<void>>();
  readonly #ends = new Set<() => void>();
  #last: { changes: number; readonly side: Side } | undefined;

  die(): void {
    this.alive = false;
    for (const end of this.#ends) end();
    this.#ends.clear();
  }
  /** Keeps records of a topic from the followers of the instance. @returns a function that hands them over */
  hold(topic: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#held.set(topic, promise);
    return () => {
      this.#held.delete(topic);
      resolve();
    };
  }
  /** Resolves when followers get records of the topic; undefined if they get them now. */
  held(topic: string): Promise<void> | undefined {
    return this.#held.get(topic);
  }
  /** @returns a function that removes the listener */
  onEnd(end: () => void): () => void {
    this.#ends.add(end);
    return () => void this.#ends.delete(end);
  }
  /** Calls and waits as a client of the instance would. @throws EngineUnavailable when the instance dies first */
  whileAlive<T>(call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const forget = this.onEnd(() => reject(new EngineUnavailable('this instance is dead')));
      void call().then(resolve, reject).finally(forget);
    });
  }
  /** Whether the instance will die at a later change. */
  get doomed(): boolean {
    return this.#last !== undefined;
  }
  /** Lets the instance die after this number of changes, at the next one. */
  dieAt(changes: number, side: Side): void {
    this.#last = { changes, side };
  }

  /** @throws EngineUnavailable when the instance is dead */
  check(): void {
    if (!this.alive) throw new EngineUnavailable('this instance is dead');
  }
  /** Makes a change of a store. `half` makes the part of it that remains if the instance dies in the middle. */
  async change<T>(call: () => Promise<T>, half: () => Promise<unknown> = call): Promise<T> {
    this.check();
    const side = this.#last !== undefined && this.#last.changes-- <= 0 ? this.#last.side : undefined;
    if (side === 'half') await half();
    const done = side === undefined || side === 'after' ? await call() : undefined;
    if (side !== undefined) this.die();
    this.check();
    return done as T;
  }
}

/** Wraps a port and the ports inside it, so that their methods throw after the death of the instance. */
function mortal<Port extends object>(port: Port, life: Life): Port {
  return new Proxy(port, {
    get(target, name) {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member === 'object' && member !== null) return mortal(member, life);
      if (typeof member !== 'function') return member;
      return (...input: unknown[]): unknown => {
        const call = (): unknown => Reflect.apply(member, target, input);
        if (CHANGES.has(String(name))) return life.change(async () => call());
        life.check();
        return call();
      };
    },
  });
}

export const mortalState = (state: State, life: Life): State => mortal(state, life);

export const mortalViews = ({ store, reader, extracts, remote }: Views, life: Life): Views => ({
  store: mortal(store, life),
  reader,
  extracts: (options) => {
    const found = extracts(options);
    return found && mortal(found, life);
  },
  remote,
  close: async () => undefined,
});

export function mortalBlobs(blobs: Blobs, life: Life): Blobs {
  const { writer } = blobs;
  return mortal({ ...blobs, writer: async (name) => mortal(await writer(name), life) } satisfies Blobs, life);
}

/** Wraps `own`, the connection of this instance. Groups subscribe at `broker`, which all instances share. */
export function mortalLog(own: EventLog, broker: EventLog, life: Life, joined: Joined): EventLog {
  const log = mortal(own, life);
  const append = async (topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]> => {
    const count = await own.partitions(topic);
    const partitionOf = (r: NewRecord): number => r.partition ?? partitionFor(r.partitionKey, count);
    const first = records.filter((r) => partitionOf(r) === partitionOf(records[0]!));
    const half = (): Promise<unknown> => own.append(topic, first);
    if (first.length < records.length && life.partialAppends > 0) {
      life.partialAppends -= 1;
      await life.change(half);
      throw new EngineUnavailable('one partition did not store its records');
    }
    return life.change(() => own.append(topic, records), half);
  };
  return new Proxy(log, {
    get(target, name) {
      if (name === 'append') return append;
      if (name === 'subscribe') {
        return async (options: Parameters<EventLog['subscribe']>[0]): Promise<Subscription> => {
          life.check();
          for (const topic of options.topics)
            joined.groups.set(`${options.group}\n${topic}`, { group: options.group, topic });
          const subscription = await broker.subscribe({
            ...options,
            handle: (batch) => {
              const place = `${options.group} at ${batch.topic}/${batch.partition}/${batch.records[0]!.offset}`;
              return life
                .whileAlive(async () => {
                  await joined.held.get(`${options.group} ${batch.topic}`);
                  return options.handle(batch);
                })
                .catch((error: unknown) => {
                  joined.failures.set(place, (joined.failures.get(place) ?? 0) + 1);
                  throw error;
                });
            },
          });
          life.onEnd(() => void subscription.stop());
          return subscription;
        };
      }
      if (name === 'follow') {
        return async (options: Parameters<EventLog['follow']>[0]): Promise<Subscription> => {
          const following = await own.follow({
            ...options,
            handle: (batch) => {
              const held = life.held(batch.topic);
              return held === undefined ? options.handle(batch) : held.then(() => options.handle(batch));
            },
          });
          joined.follows.push({ life, following, topics: options.topics });
          return following;
        };
      }
      return Reflect.get(target, name, target) as unknown;
    },
  });
}

/** The readers of the log, so that a test can wait until all of them have read everything. */
export interface Joined {
  readonly groups: Map<string, { readonly group: string; readonly topic: string }>;
  /** The number of failures of a group at its present batch. */
  readonly failures: Map<string, number>;
  /** What a group gets of a topic later, by both names. */
  readonly held: Map<string, Promise<void>>;
  readonly follows: { readonly life: Life; readonly following: Subscription; readonly topics: readonly string[] }[];
}
