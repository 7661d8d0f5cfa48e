import type { EventLog, Position } from '@provider-access/engines/log';
import { reached } from '@provider-access/engines/log';
import { MEMBER_DERIVERS } from './derivers.ts';
import { PARTY_TOPICS, type Parties } from './parties.ts';

/** The part of state.presence that is needed here. */
export interface PresencePort {
  announce(group: string, holder: string, data: unknown, ttlMs: number): Promise<void>;
  /** Those whose ttl is not over. */
  list(group: string): Promise<readonly { readonly holder: string; readonly data: unknown }[]>;
  leave(group: string, holder: string): Promise<void>;
}
/** How a process is seen by the others: the store, and a name that no other process has. */
export interface PresenceOptions {
  readonly port: PresencePort;
  readonly holder: string;
  /**
   * How long others wait for a process that died, ms; default 8000. The process itself stops serving after half of it:
   * clocks
   * may differ by the other half. It announces itself again well before.
   */
  readonly ttlMs?: number;
  /** Between two announcements when something changed, ms. Default 250. */
  readonly everyMs?: number;
  /** Whether this process could permit anything now: while it cannot, nobody needs to wait for it. Default: always. */
  readonly serving?: () => boolean;
  /**
   * The version of the view of members' facts that this process reads, and whether it has everything that is in the
   * log. Default: reads none.
   */
  readonly memberFacts?: { readonly version: number; caughtUp(timeoutMs: number): Promise<boolean> };
  /** Monotonic, ms. Default performance.now. */
  readonly now?: () => number;
}

/**
 * What a process says of its party facts: own topics, and payer topics by deriver. And which version of the members'
 * facts it reads: processes of before this was said read version 1; 0 reads none.
 */
interface Announced {
  readonly position: Position;
  readonly derived: Readonly<Record<string, Position>>;
  readonly memberFacts?: number;
}
const NO_MEMBER_FACTS = 0;
const FIRST_MEMBER_FACTS = 1;

/** Another version may say it otherwise: then nobody here can tell how far it is, and it has not passed anything. */
const isAnnounced = (data: unknown): data is Announced =>
  isObject(data) &&
  isObject(data['position']) &&
  isObject(data['derived']) &&
  ['number', 'undefined'].includes(typeof data['memberFacts']);
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

type FollowedParties = Pick<Parties, 'position' | 'derived' | 'waitFor' | 'seenBy'>;

const PARTIES_GROUP = 'parties';
const TTL_MS = 8000;
/** After this part of its ttl an announcement is made again. */
const AGAIN = 1 / 3;

/**
 * Tells the others how far this process' party facts are, so that who acknowledges a change can wait for it. `current`
 * is
 * false unless the process is surely still on the others' list and has passed everything that was in the log when it
 * came onto it:
 * whoever is not waited for must not serve.
 */
export class PartiesPresence {
  private readonly options: PresenceOptions;
  private readonly parties: FollowedParties;
  private readonly log: Pick<EventLog, 'head'>;
  private readonly ttlMs: number;
  private readonly everyMs: number;
  private readonly now: () => number;
  private announcedAt = Number.NEGATIVE_INFINITY;
  private said: string | undefined;
  private joined = false;
  private running = false;
  private timer: NodeJS.Timeout | undefined;
  private working: Promise<void> = Promise.resolve();

  constructor(parties: FollowedParties, log: Pick<EventLog, 'head'>, options: PresenceOptions) {
    this.parties = parties;
    this.log = log;
    this.options = options;
    this.ttlMs = options.ttlMs ?? TTL_MS;
    this.everyMs = options.everyMs ?? 250;
    this.now = options.now ?? (() => performance.now());
    parties.seenBy(this);
  }

  /** Call when the parties have started. Resolves after the first attempt; goes on by itself. */
  async start(): Promise<void> {
    this.running = true;
    await this.cycle();
  }
  /** Nobody waits for this process any more; it serves nothing from here on. */
  async stop(): Promise<void> {
    this.running = false;
    this.joined = false;
    clearTimeout(this.timer);
    await this.working;
    // When the store is away, the ttl takes it off the list.
    await this.retire();
  }
  /** Measured from before an announcement was sent, by the monotonic clock: the store counts its ttl from later. */
  current(): boolean {
    return this.joined && this.within();
  }

  /** One announcement, when there is something to say. Failures only let the time run out. */
  async beat(): Promise<void> {
    const data: Announced = {
      position: this.parties.position(),
      derived: Object.fromEntries(MEMBER_DERIVERS.map((d) => [d, this.parties.derived(d)])),
      memberFacts: this.options.memberFacts?.version ?? NO_MEMBER_FACTS,
    };
    const text = JSON.stringify(data);
    if (!this.within()) this.joined = false;
    if (this.options.serving?.() === false) return this.retire();
    const before = this.now();
    if (this.joined && text === this.said && before - this.announcedAt < this.ttlMs * AGAIN) return;
    try {
      await this.options.port.announce(PARTIES_GROUP, this.options.holder, data, this.ttlMs);
    } catch {
      // The store is away: without its word this process ends to be current.
      return;
    }
    if (this.now() - before > this.ttlMs / 2) return;
    this.announcedAt = before;
    this.said = text;
    if (!this.joined) await this.join();
  }

  /** Serves nothing from here on, so that a process whose facts stand still does not hold up the others. */
  private async retire(): Promise<void> {
    const was = this.announcedAt;
    this.joined = false;
    this.announcedAt = Number.NEGATIVE_INFINITY;
    this.said = undefined;
    if (was !== this.announcedAt)
      await this.options.port.leave(PARTIES_GROUP, this.options.holder).catch(() => undefined);
  }
  /** From now on others wait for this process; what they acknowledged before is in the log by now. */
  private async join(): Promise<void> {
    try {
      const heads = await this.log.head(PARTY_TOPICS);
      const passed = await Promise.all([
        this.parties.waitFor(heads, this.ttlMs / 3),
        this.options.memberFacts?.caughtUp(this.ttlMs / 3) ?? true,
      ]);
      if (passed.every(Boolean)) this.joined = this.within() && this.running;
    } catch {
      // The log is away: the next beat tries again.
    }
  }
  private within(): boolean {
    return this.now() - this.announcedAt < this.ttlMs / 2;
  }
  private async cycle(): Promise<void> {
    this.working = this.beat();
    await this.working;
    if (!this.running) return;
    this.timer = setTimeout(() => void this.cycle(), this.everyMs);
    this.timer.unref();
  }
}

/** All processes that are there, as one that can be waited for. */
export class PresentReaders {
  private readonly port: Pick<PresencePort, 'list'>;
  private readonly lookMs: number;
  private readonly waiting = new Set<{
    readonly passed: (said: Announced) => boolean;
    readonly end: number;
    resolve(done: boolean): void;
  }>();
  private looking: Promise<void> | undefined;
  constructor(port: Pick<PresencePort, 'list'>, lookMs = 50) {
    this.port = port;
    this.lookMs = lookMs;
  }
  /**
   * True once every present process has passed a position of the party topics; false after the timeout (ms), or when
   * nobody can tell.
   */
  waitFor(position: Position, timeoutMs: number): Promise<boolean> {
    return this.until((said) => reached(said.position, position), timeoutMs);
  }
  /** The same for positions of payer topics; each with those who must have derived from it. */
  waitForDerived(
    targets: readonly { readonly position: Position; readonly deriver: string }[],
    timeoutMs: number,
  ): Promise<boolean> {
    return this.until((said) => targets.every((t) => reached(said.derived[t.deriver] ?? {}, t.position)), timeoutMs);
  }

  /**
   * Versions of the members' facts that present processes read. Throws when the list cannot be read or somebody on it
   * not be understood.
   */
  async memberFacts(): Promise<readonly number[]> {
    const versions = (await this.port.list(PARTIES_GROUP)).map(({ data }) => {
      if (!isAnnounced(data)) throw new Error('a process says in a way that is not understood which facts it reads');
      return data.memberFacts ?? FIRST_MEMBER_FACTS;
    });
    return [...new Set(versions)].filter((version) => version !== NO_MEMBER_FACTS);
  }

  private until(passed: (said: Announced) => boolean, timeoutMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.waiting.add({ passed, end: performance.now() + timeoutMs, resolve });
      this.looking ??= this.look();
    });
  }
  /**
   * One reading of the list serves everybody who waited before it began: later ones may wait for somebody who came
   * meanwhile.
   */
  private async look(): Promise<void> {
    while (this.waiting.size > 0) {
      const round = [...this.waiting];
      const all = await this.port.list(PARTIES_GROUP).catch(() => undefined);
      for (const waiter of round) {
        const done = all?.every(({ data }) => isAnnounced(data) && waiter.passed(data)) === true;
        if (!done && performance.now() < waiter.end) continue;
        this.waiting.delete(waiter);
        waiter.resolve(done);
      }
      const left = Math.min(...[...this.waiting].map((w) => w.end - performance.now()));
      if (this.waiting.size > 0)
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(this.lookMs, left))));
    }
    this.looking = undefined;
  }
}
