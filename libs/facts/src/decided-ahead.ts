import { instant } from '@provider-access/kernel';

/** So many members are remembered one by one. */
const MOST = 10_000;

/**
 * Until when the clock of this process lags behind decisions that it has made. A decision uses the time of the newest
 * statement about its member if that is later than the clock (ADR 0016). The audit asks here, so that an entry is not
 * dated before its decision. Times are ms since the epoch.
 */
export class DecidedAhead {
  readonly #members = new Map<string, number>();
  /** For members who are not remembered one by one. */
  #others = 0;
  readonly #most: number;

  constructor(most = MOST) {
    this.#most = most;
  }

  /**
   * Notes a decision about a member, if the facts of the member are ahead of the time of the process.
   * @param asOf RFC 3339 instant, UTC, milliseconds: the newest statement about the member
   * @param now the same form: the time of the process
   */
  note(member: string, asOf: string | undefined, now: string): void {
    if (asOf === undefined || asOf <= now) return;
    const at = Math.max(Date.parse(asOf), this.#members.get(member) ?? 0);
    this.#members.set(member, at);
    if (this.#members.size > this.#most) this.#forget(now);
  }

  /** The latest decision about one of the members, but not before `now`. */
  latest(members: readonly string[], now: number): number {
    let at = Math.max(now, this.#others);
    if (this.#members.size === 0) return at;
    for (const member of members) at = Math.max(at, this.#members.get(member) ?? 0);
    return at;
  }

  /** Forgets decisions that the clock has passed. If that is not enough, the others share their latest time. */
  #forget(now: string): void {
    for (const [member, at] of this.#members) if (instant(at) <= now) this.#members.delete(member);
    if (this.#members.size <= this.#most) return;
    for (const at of this.#members.values()) this.#others = Math.max(this.#others, at);
    this.#members.clear();
  }
}
