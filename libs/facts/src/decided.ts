import { AsyncLocalStorage } from 'node:async_hooks';
import type { ReadUntil } from '@provider-access/events';
import { type ReadOfMember, type ReadOfParties, readUntil } from './read-until.ts';

/** A decision about a member, for the entry of the audit about it. */
interface DecidedOf {
  /** The newest statement about the member. */
  readonly asOf: string | undefined;
  /** The time of the process. */
  readonly now: string;
  /** How far the facts had been read. `ofMember` is undefined if the facts do not tell. */
  readonly ofMember: ReadOfMember | undefined;
  readonly ofParties: ReadOfParties;
}
interface Noted extends Pick<DecidedOf, 'ofMember' | 'ofParties'> {
  readonly at: string;
}

/** So many members are remembered one by one. */
const MOST = 10_000;

/**
 * The instants of decisions, for the entries of the audit about them. An entry has the instant of its decision, because
 * `explain` decides with what was known at the time of the entry: not before, where the clock of this process lags
 * behind the statements that decided (ADR 0016), and not later, where something was recorded between the decision and
 * the entry. An entry also says how far the facts of its decision had been read, because this process may not have read
 * everything that was recorded before (ADR 0145). All times are RFC 3339 instants, UTC, milliseconds.
 */
export class Decided {
  /** The newest decision about each member in the request that runs. */
  readonly #request = new AsyncLocalStorage<Map<string, Noted>>();
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

  /** Notes a decision about a member. */
  note(member: string, { asOf, now, ofMember, ofParties }: DecidedOf): void {
    const isAhead = asOf !== undefined && asOf > now;
    const at = isAhead ? asOf : now;
    this.#request.getStore()?.set(member, { at, ofMember, ofParties });
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
    if (request !== undefined && request.size > 0)
      for (const member of members) own = latest(own, request.get(member)?.at);
    if (own !== '') return own;
    let at = latest(now(), this.#others);
    if (this.#ahead.size > 0) for (const member of members) at = latest(at, this.#ahead.get(member));
    return at;
  }

  /**
   * How far the facts of the decisions of this request about these members had been read. Undefined without a decision
   * about each of them.
   */
  readUntil(members: readonly string[]): ReadUntil | undefined {
    const request = this.#request.getStore();
    if (request === undefined || members.length === 0) return undefined;
    let newest: Noted | undefined;
    const offsets: ReadOfMember[] = [];
    for (const member of members) {
      const noted = request.get(member);
      if (noted?.ofMember === undefined) return undefined;
      offsets.push(noted.ofMember);
      if (newest === undefined || noted.at >= newest.at) newest = noted;
    }
    return readUntil(offsets, newest!.ofParties);
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
