import type { Value } from '@provider-access/domain/pdex/evidence';

/** How long a count that goes on behind a request stands for the next ones, ms. */
const KEPT_MS = 3_600_000;

/** What a walk over many members has found so far. */
export interface Counted {
  readonly count: number;
  /** A bound inside one member ended the count there, so there may be more. */
  readonly atLeast?: boolean;
  /** Members that the walk has looked at. */
  readonly looked: number;
}
interface Walk {
  /** What those who ask before the walk is long, or has ended, are told. */
  first?: Promise<Value>;
  end?: { readonly counted: Counted; readonly at: number };
  looked: number;
  isLong: boolean;
}

/**
 * A count that may look at every member of the payer. A request waits for as many members as one page may cost. A
 * longer walk goes on behind it, once for all who ask. Its end stands for an hour, with the instant of the end.
 */
export class LongCount {
  readonly #steps: (now: number) => AsyncIterable<Counted>;
  readonly #most: number;
  readonly #now: () => number;
  #walk: Walk | undefined;

  /**
   * @param steps yields after each part of the work, and lets others in before it goes on
   * @param most how many members a request waits for
   */
  constructor(steps: (now: number) => AsyncIterable<Counted>, most: number, now: () => number) {
    this.#steps = steps;
    this.#most = most;
    this.#now = now;
  }

  /** The count, or unknown with the number of members that a walk has looked at so far. */
  value(): Promise<Value> {
    const walk = this.#walk;
    if (walk?.isLong === true) {
      if (walk.end === undefined) return Promise.resolve(counting(walk.looked));
      const { counted, at } = walk.end;
      if (this.#now() < at + KEPT_MS) return Promise.resolve({ ...stated(counted), countedAt: at });
    } else if (walk?.first !== undefined && walk.end === undefined) return walk.first;
    return this.#begin();
  }

  #begin(): Promise<Value> {
    const walk: Walk = { looked: 0, isLong: false };
    this.#walk = walk;
    walk.first = new Promise((resolve, reject) => {
      this.#follow(walk, (looked) => resolve(counting(looked))).then(
        (counted) => resolve(stated(counted)),
        (error: unknown) => {
          // Nobody waits for a long walk, so who asks next begins another one and hears of its fault.
          if (this.#walk === walk) this.#walk = undefined;
          reject(error as Error);
        },
      );
    });
    return walk.first;
  }
  async #follow(walk: Walk, tooLong: (looked: number) => void): Promise<Counted> {
    let last: Counted = { count: 0, looked: 0 };
    for await (last of this.#steps(this.#now())) {
      walk.looked = last.looked;
      if (walk.isLong || last.looked <= this.#most) continue;
      walk.isLong = true;
      tooLong(last.looked);
    }
    walk.end = { counted: last, at: this.#now() };
    return last;
  }
}

const counting = (looked: number): Value => ({
  state: 'unknown',
  why: 'being-counted',
  looked,
});
const stated = ({ count, atLeast = false }: Counted): Value => ({
  state: atLeast ? 'at-least' : 'exact',
  value: count,
});
