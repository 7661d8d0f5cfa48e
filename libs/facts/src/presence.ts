import { isLabelling, labelRules } from '@provider-access/domain/pdex/labels';
import { isObject } from '@provider-access/fhir';
import { Poll } from '@provider-access/engines/jobs';
import { type EventLog, type Position, reached } from '@provider-access/engines/log';
import type { Presence } from '@provider-access/engines/state';
import { MEMBER_DERIVERS } from './derivers.ts';
import { PARTY_TOPICS, type Parties } from './parties.ts';

/** How other processes see this one: the store, and a name that no other process has. */
export interface PresenceOptions {
  readonly port: Presence;
  readonly holder: string;
  /**
   * How long others wait for a process that died, ms; default 8000. The process itself stops serving after half of it,
   * because clocks may differ by the other half. It announces itself again well before.
   */
  readonly ttlMs?: number;
  /** Time between two announcements while something changes, ms. Default 250. */
  readonly everyMs?: number;
  /**
   * Whether this process could permit anything now. While it cannot, no other process needs to wait for it. Default:
   * always.
   */
  readonly serving?: () => boolean;
  /**
   * The version of the member facts view that this process reads, and whether that view has everything in the log.
   * Default: the process reads none.
   */
  readonly memberFacts?: { readonly version: number; caughtUp(timeoutMs: number): Promise<boolean> };
  /** Monotonic, ms. Default performance.now. */
  readonly now?: () => number;
}

/**
 * What a process announces of its party facts: positions in own topics, and in payer topics by deriver. It also
 * announces which version of the member facts it reads. A process of a release without this attribute reads version 1;
 * 0 means none.
 */
interface Announced {
  readonly position: Position;
  readonly derived: Readonly<Record<string, Position>>;
  readonly memberFacts?: number;
  /** By which rules the process labels records; null if it labels none. A process of an earlier release lacks it. */
  readonly labelRules?: string | null;
}
const NO_MEMBER_FACTS = 0;
const FIRST_MEMBER_FACTS = 1;

/**
 * Another version may announce a different form. Then this process cannot know the other one's position, and treats it
 * as not passed.
 */
const isAnnounced = (data: unknown): data is Announced =>
  isObject(data) &&
  isObject(data['position']) &&
  isObject(data['derived']) &&
  ['number', 'undefined'].includes(typeof data['memberFacts']);

type FollowedParties = Pick<Parties, 'position' | 'derived' | 'waitFor' | 'seenBy'>;

const PARTIES_GROUP = 'parties';
const TTL_MS = 8000;
/** After this part of its ttl, an announcement is repeated. */
const AGAIN = 1 / 3;

/**
 * Announces how far this process' party facts are, so that a process that acknowledges a change can wait for it.
 * `current` is true only while two things are certain: the process is still on the list of the others, and it has
 * passed everything that was in the log when it came onto the list. A process that others do not wait for must not
 * serve.
 */
export class PartiesPresence {
  readonly #options: PresenceOptions;
  readonly #parties: FollowedParties;
  readonly #log: Pick<EventLog, 'head'>;
  readonly #ttlMs: number;
  readonly #now: () => number;
  #announcedAt = Number.NEGATIVE_INFINITY;
  #announced: string | undefined;
  #joined = false;
  #running = false;
  readonly #polling: Poll;
  #working: Promise<void> = Promise.resolve();

  constructor(parties: FollowedParties, log: Pick<EventLog, 'head'>, options: PresenceOptions) {
    this.#parties = parties;
    this.#log = log;
    this.#options = options;
    this.#ttlMs = options.ttlMs ?? TTL_MS;
    this.#polling = new Poll(() => (this.#working = this.beat()), options.everyMs ?? 250);
    this.#now = options.now ?? (() => performance.now());
    parties.seenBy(this);
  }

  /** Call this when the parties have started. Resolves after the first announcement and repeats it until `stop`. */
  async start(): Promise<void> {
    this.#running = true;
    await this.#polling.start();
  }
  /** No other process waits for this one any more, and it serves nothing from here on. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#joined = false;
    this.#polling.stop();
    await this.#working;
    // If the store is unreachable, the ttl takes this process off the list.
    await this.#retire();
  }
  /**
   * The time counts from before an announcement was sent, by the monotonic clock. The store counts its ttl from later,
   * so this process stops first.
   */
  current(): boolean {
    return this.#joined && this.#within();
  }

  /** One announcement, if there is something to announce. After a failure only the time runs out. */
  async beat(): Promise<void> {
    const data: Announced = {
      position: this.#parties.position(),
      derived: Object.fromEntries(MEMBER_DERIVERS.map((d) => [d, this.#parties.derived(d)])),
      memberFacts: this.#options.memberFacts?.version ?? NO_MEMBER_FACTS,
      labelRules: isLabelling() ? labelRules() : null,
    };
    const text = JSON.stringify(data);
    if (!this.#within()) this.#joined = false;
    if (this.#options.serving?.() === false) return this.#retire();
    const before = this.#now();
    if (this.#joined && text === this.#announced && before - this.#announcedAt < this.#ttlMs * AGAIN) return;
    try {
      await this.#options.port.announce(PARTIES_GROUP, this.#options.holder, data, this.#ttlMs);
    } catch {
      // The store is unreachable. Without its answer this process stops being current.
      return;
    }
    if (this.#now() - before > this.#ttlMs / 2) return;
    this.#announcedAt = before;
    this.#announced = text;
    if (!this.#joined) await this.#join();
  }

  /** Serves nothing from here on, so that a process whose facts stand still does not delay the others. */
  async #retire(): Promise<void> {
    const was = this.#announcedAt;
    this.#joined = false;
    this.#announcedAt = Number.NEGATIVE_INFINITY;
    this.#announced = undefined;
    if (was !== this.#announcedAt)
      await this.#options.port.leave(PARTIES_GROUP, this.#options.holder).catch(() => undefined);
  }
  /** From now on the others wait for this process. What they acknowledged before is in the log already. */
  async #join(): Promise<void> {
    try {
      const heads = await this.#log.head(PARTY_TOPICS);
      const passed = await Promise.all([
        this.#parties.waitFor(heads, this.#ttlMs / 3),
        this.#options.memberFacts?.caughtUp(this.#ttlMs / 3) ?? true,
      ]);
      if (passed.every(Boolean)) this.#joined = this.#within() && this.#running;
    } catch {
      // The log is unreachable. The next announcement tries again.
    }
  }
  #within(): boolean {
    return this.#now() - this.#announcedAt < this.#ttlMs / 2;
  }
}

/** The services that serve now, each in one process at least. A holder is named `service/…`. */
export const presentServices = async (port: Pick<Presence, 'list'>): Promise<ReadonlySet<string>> =>
  new Set((await port.list(PARTIES_GROUP)).map(({ holder }) => holder.split('/', 1)[0]!));

/** All running processes, as one target to wait for. */
export class PresentReaders {
  readonly #port: Pick<Presence, 'list'>;
  readonly #lookMs: number;
  readonly #waiting = new Set<{
    readonly passed: (announced: Announced) => boolean;
    readonly end: number;
    resolve(done: boolean): void;
  }>();
  #looking: Promise<void> | undefined;
  constructor(port: Pick<Presence, 'list'>, lookMs = 50) {
    this.#port = port;
    this.#lookMs = lookMs;
  }
  /**
   * True once every running process has passed a position of the party topics; false after the timeout (ms), or if a
   * position is unknown.
   */
  waitFor(position: Position, timeoutMs: number): Promise<boolean> {
    return this.#until((announced) => reached(announced.position, position), timeoutMs);
  }
  /** The same for positions of payer topics; each comes with the derivers that must have passed it. */
  waitForDerived(
    targets: readonly { readonly position: Position; readonly deriver: string }[],
    timeoutMs: number,
  ): Promise<boolean> {
    return this.#until(
      (announced) => targets.every((t) => reached(announced.derived[t.deriver] ?? {}, t.position)),
      timeoutMs,
    );
  }

  /**
   * The versions of the member facts that running processes read. Throws if the list cannot be read, or an entry of it
   * cannot be understood.
   */
  async memberFacts(): Promise<readonly number[]> {
    const versions = (await this.#port.list(PARTIES_GROUP)).map(({ data }) => {
      if (!isAnnounced(data)) throw new Error('a process says in a way that is not understood which facts it reads');
      return data.memberFacts ?? FIRST_MEMBER_FACTS;
    });
    return [...new Set(versions)].filter((version) => version !== NO_MEMBER_FACTS);
  }

  /**
   * By which rules the running processes label records. A process of an earlier release, or an entry that cannot be
   * understood, counts as `unknown`. Throws if the list cannot be read.
   */
  async labelRules(): Promise<readonly string[]> {
    const rules = (await this.#port.list(PARTIES_GROUP)).flatMap(({ data }) => {
      if (!isAnnounced(data) || data.labelRules === undefined) return ['unknown'];
      return data.labelRules === null ? [] : [String(data.labelRules)];
    });
    return [...new Set(rules)];
  }

  #until(passed: (announced: Announced) => boolean, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.add({ passed, end: performance.now() + timeoutMs, resolve });
      if (this.#looking === undefined) this.#looking = this.#look();
    });
  }
  /**
   * One reading of the list serves all callers that waited before it began. Later callers need a new reading, because a
   * process may have joined meanwhile.
   */
  async #look(): Promise<void> {
    while (this.#waiting.size > 0) {
      const round = [...this.#waiting];
      const all = await this.#port.list(PARTIES_GROUP).catch(() => undefined);
      for (const waiter of round) {
        const done = all?.every(({ data }) => isAnnounced(data) && waiter.passed(data)) === true;
        if (!done && performance.now() < waiter.end) continue;
        this.#waiting.delete(waiter);
        waiter.resolve(done);
      }
      const left = Math.min(...[...this.#waiting].map((w) => w.end - performance.now()));
      if (this.#waiting.size > 0)
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(this.#lookMs, left))));
    }
    this.#looking = undefined;
  }
}
