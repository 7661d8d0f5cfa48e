import { type Position, reached } from '@provider-access/engines/log';
import type { Head } from './decide.ts';

interface Flight {
  readonly target: Position;
  readonly ids: readonly string[];
}

/**
 * Heads of records that this process has written and that the records view may not have yet. A decision reads them
 * before the view, so that it includes our own newest writes.
 */
export class InFlight {
  private readonly heads = new Map<string, { readonly head: Head; readonly flight: Flight }>();
  private readonly flights: Flight[] = [];

  get size(): number {
    return this.heads.size;
  }
  /** Position that the view must pass before the oldest writes can be forgotten. */
  get oldest(): Position | undefined {
    return this.flights[0]?.target;
  }
  get(recordId: string): Head | undefined {
    return this.heads.get(recordId)?.head;
  }
  /** Adds heads by record id. Their records are in the log before `target`. */
  add(heads: ReadonlyMap<string, Head>, target: Position): void {
    if (heads.size === 0) return;
    const flight: Flight = { target, ids: [...heads.keys()] };
    for (const [id, head] of heads) this.heads.set(id, { head, flight });
    this.flights.push(flight);
  }
  /** Forgets heads that all views have passed. */
  landed(positions: readonly Position[]): void {
    let done = 0;
    while (done < this.flights.length && positions.every((at) => reached(at, this.flights[done]!.target))) {
      const flight = this.flights[done]!;
      for (const id of flight.ids) if (this.heads.get(id)?.flight === flight) this.heads.delete(id);
      done += 1;
    }
    this.flights.splice(0, done);
  }
}
