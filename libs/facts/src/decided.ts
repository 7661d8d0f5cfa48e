import { AsyncLocalStorage } from 'node:async_hooks';

/** So many members are remembered one by one. */
const MOST = 10_000;

/**
 * The instants of decisions, for the entries of the audit about them. An entry has the instant of its decision, because
 * `explain` decides with what was known at the time of the entry: not before, where the clock of this process lags
 * behind the statements that decided (ADR 0016), and not later, where something was recorded between the decision and
 * the entry. All times are RFC 3339 instants, UTC, milliseconds.
 */
export class Decided {
  /** The newest decision about each member in the request that runs. */
  readonly #request = new AsyncLocalStorage<Map<string, string>>();
  /** Newest decisions that are ahead of the clock, for entries that belong to no request. */
  readonly #ahead = new Map<string, string>();
  /** For members who are not remembered one by one. */
  #others = '';
  readonly #most: number;

  constructor(most = MOST) {
    this.#most = most;
  }

  /** Runs a request. Its entries have the instants of its own decisions. */
  within<T>(run: () => Promise<T>): Promise<T> {
    return this.#request.run(new Map(), run);
  }

  /**
   * Notes a decision about a member.
   * @param asOf the newest statement about the member
   * @param now the time of the process
   */
  note(member: string, asOf: string | undefined, now: string): void {
    const isAhead = asOf !== undefined && asOf > now;
    const at = isAhead ? asOf : now;
    this.#request.getStore()?.set(member, at);
    if (!isAhead) return;
    this.#ahead.set(member, latest(at, this.#ahead.get(member)));
    if (this.#ahead.size > this.#most) this.#forget(now);
  }

  /**
   * The newest decision of this request about one of the members. Without one: the newest of this process, but not
   * before `now`.
   */
  at(members: readonly string[], now: () => string): string {
    const request = this.#request.getStore();
    let own = '';
    if (request !== undefined && request.size > 0) for (const member of members) own = latest(own, request.get(member));
    if (own !== '') return own;
    let at = latest(now(), this.#others);
    if (this.#ahead.size > 0) for (const member of members) at = latest(at, this.#ahead.get(member));
    return at;
  }

  /** Forgets decisions that the clock has passed. If that is not enough, the others share their latest time. */
  #forget(now: string): void {
    for (const [member, at] of this.#ahead) if (at <= now) this.#ahead.delete(member);
    if (this.#ahead.size <= this.#most) return;
    for (const at of this.#ahead.values()) this.#others = latest(at, this.#others);
    this.#ahead.clear();
  }
}
const latest = (a: string, b: string | undefined): string => (b !== undefined && b > a ? b : a);
