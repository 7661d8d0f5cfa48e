/** The most evaluations of one search: its conditions times the resources with which it compares them. */
export const MOST_EVALUATIONS = 200_000;

/** A search compares more than its budget allows. */
export class OverBudget extends Error {
  override readonly name = 'OverBudget';
  constructor(budget: number) {
    super(
      `This search compares more than ${budget} conditions with resources (values times resources). Ask with fewer ` +
        'values or conditions, or narrow it, for example to one patient, a code and a date.',
    );
  }
}

/** Units of work, each about 10 ns on the machine of docs/performance. */
export const COST = { byte: 1, comparison: 5, condition: 25, row: 200, query: 5_000 } as const;
/** Work after which a search lets the event loop run: about 20 ms. */
const SLICE = 2_000_000;

/**
 * What one search has cost so far. It counts, because a measured time would differ on each run.
 * - A search above its budget ends. The caller counts only resources that the client may see, so that the budget tells
 *   nothing about others.
 * - Between two pauses, a search does work for about 20 ms. The caller calls `pause` wherever it has counted.
 */
export class SearchWork {
  readonly #budget: number;
  readonly #rest: () => Promise<void>;
  #spent = 0;
  #sincePause = 0;
  constructor(budget: number = MOST_EVALUATIONS, rest: () => Promise<void> = nextTurn) {
    this.#budget = budget;
    this.#rest = rest;
  }
  get evaluations(): number {
    return this.#spent;
  }

  /** Call it before the evaluations of a resource. @throws OverBudget */
  evaluate(conditions: number): void {
    this.#spent += conditions;
    if (this.#spent > this.#budget) throw new OverBudget(this.#budget);
    this.#sincePause += conditions * COST.condition;
  }
  /** @param units of COST */
  count(units: number): void {
    this.#sincePause += units;
  }
  /** Undefined if the search may go on: most steps need no pause, and then no promise. */
  pause(): Promise<void> | undefined {
    if (this.#sincePause < SLICE) return undefined;
    this.#sincePause = 0;
    return this.#rest();
  }
}

/** The searches that pause, in the order in which they go on. */
const paused: (() => void)[] = [];

/**
 * Resolves in a later turn of the event loop. One search goes on in each turn, so that all other work of the process
 * waits for one slice, however many searches there are.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    if (paused.push(resolve) === 1) setImmediate(goOn);
  });
}
function goOn(): void {
  paused.shift()?.();
  if (paused.length > 0) setImmediate(goOn);
}
