import { type Position, reached } from '@provider-access/engines/log';
import type { Head } from './decide.ts';

/** Bytes of lines in memory, about. A line beyond them is read from the view when a next version replaces it. */
const MAX_LINES = 32 * 1024 * 1024;

interface Flight {
  readonly target: Position;
  readonly ids: readonly string[];
}
interface Unconfirmed {
  readonly head: Head;
  readonly line: Uint8Array | undefined;
  readonly flight: Flight;
}

/**
 * Heads of records that this process has written and that the records view may not have yet. A decision reads them
 * before the view, so that it includes our own newest writes.
 */
export class InFlight {
  readonly #heads = new Map<string, Unconfirmed>();
  readonly #flights: Flight[] = [];
  #bytes = 0;

  get size(): number {
    return this.#heads.size;
  }
  /** Position that the view must pass before the oldest writes can be forgotten. */
  get oldest(): Position | undefined {
    return this.#flights[0]?.target;
  }
  get(recordId: string): Head | undefined {
    return this.#heads.get(recordId)?.head;
  }
  /** The line of the current version, if it fits into memory. */
  lineOf(recordId: string): Uint8Array | undefined {
    return this.#heads.get(recordId)?.line;
  }
  /** Adds heads and lines by record id. Their records are in the log before `target`. */
  add(heads: ReadonlyMap<string, Head>, target: Position, lines: ReadonlyMap<string, Uint8Array> = new Map()): void {
    if (heads.size === 0) return;
    const flight: Flight = { target, ids: [...heads.keys()] };
    for (const [id, head] of heads) {
      this.#forget(id);
      const line = lines.get(id);
      const fits = line !== undefined && this.#bytes + line.byteLength <= MAX_LINES;
      if (fits) this.#bytes += line.byteLength;
      this.#heads.set(id, { head, flight, line: fits ? line : undefined });
    }
    this.#flights.push(flight);
  }
  #forget(id: string): void {
    const known = this.#heads.get(id);
    if (known === undefined) return;
    this.#bytes -= known.line?.byteLength ?? 0;
    this.#heads.delete(id);
  }
  /** Forgets heads that the view has passed. */
  landed(position: Position): void {
    let done = 0;
    while (done < this.#flights.length && reached(position, this.#flights[done]!.target)) {
      const flight = this.#flights[done]!;
      for (const id of flight.ids) if (this.#heads.get(id)?.flight === flight) this.#forget(id);
      done += 1;
    }
    this.#flights.splice(0, done);
  }
}
