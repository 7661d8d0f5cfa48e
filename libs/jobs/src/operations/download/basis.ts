import { DECIDED_FOR_MS } from '@provider-access/service/http';

/**
 * What the decisions of a download came from: generations of the views of facts and of labelled members, changes of the
 * facts of parties, and when. Without a generation only a query tells whether another process has changed the view.
 */
export interface Basis {
  /** Monotonic time, ms */
  readonly at: number;
  readonly facts: number | undefined;
  readonly labelled: number | undefined;
  readonly parties: number;
}

/** Whether decisions that came from `then` need not be made again: nothing has changed since, and they are not old. */
export const stillHolds = (then: Basis, now: Basis): boolean =>
  then.facts !== undefined &&
  then.labelled !== undefined &&
  then.facts === now.facts &&
  then.labelled === now.labelled &&
  then.parties === now.parties &&
  now.at - then.at <= DECIDED_FOR_MS;
