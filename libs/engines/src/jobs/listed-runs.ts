import { randomBytes } from 'node:crypto';
import { base32, Refusal } from '@provider-access/kernel';
import type { Streams } from '../state/index.ts';

/** What the list says of a run, so that it need not be loaded. */
export interface ListedRun {
  readonly id: string;
  readonly isOpen: boolean;
}
export interface ListedRunsOptions {
  /** The stream of the list. */
  readonly list: string;
  /** Name of the stream of a run, before its id. */
  readonly streams: string;
  /** Begins each id, before a hyphen. */
  readonly prefix: string;
  /** Runs that the list has at most, unless more are open. Those that ended first go. */
  readonly most: number;
}
interface List<E extends ListedRun> {
  readonly runs: readonly E[];
}
export const unknownRun = (): Refusal => new Refusal('not-found', 'There is no such run.');

/** Runs that people begin, in the state store, so that they go on in another process. */
export class ListedRuns<R extends { readonly id: string }, E extends ListedRun> {
  readonly #streams: Streams;
  readonly #options: ListedRunsOptions;
  readonly #id: RegExp;
  constructor(streams: Streams, options: ListedRunsOptions) {
    this.#streams = streams;
    this.#options = options;
    this.#id = new RegExp(`^${options.prefix}-[a-z2-7]{26}$`);
  }

  nameOf(id: string): string {
    return this.#options.streams + id;
  }
  isId(id: string): boolean {
    return this.#id.test(id);
  }

  /**
   * Keeps the run before it lists it, so that a listed one can always be loaded.
   * @param refuse throws if the run may not begin beside those that are open
   * @returns the run with its id, and the ids that left the list, whose streams the caller removes
   */
  async add(
    run: Omit<R, 'id'>,
    entry: Omit<E, 'id' | 'isOpen'>,
    refuse: (open: readonly E[]) => void,
  ): Promise<{ readonly added: R; readonly dropped: readonly string[] }> {
    const id = `${this.#options.prefix}-${base32(randomBytes(16))}`;
    const added = { ...run, id } as R;
    const listed = { ...entry, id, isOpen: true } as E;
    await this.#streams.append(this.nameOf(id), 0, [], added);
    let dropped: readonly E[] = [];
    try {
      await this.#list((runs) => {
        const open = runs.filter((one) => one.isOpen);
        refuse(open);
        const ended = runs.filter((one) => !one.isOpen).slice(0, Math.max(0, this.#options.most - 1 - open.length));
        dropped = runs.filter((one) => !one.isOpen && !ended.includes(one));
        return [listed, ...runs.filter((one) => !dropped.includes(one))];
      });
    } catch (error) {
      // Any other error may come from a list that has it.
      if (error instanceof Refusal) await this.#streams.remove(this.nameOf(id));
      throw error;
    }
    return { added, dropped: dropped.map((one) => one.id) };
  }

  /** The newest runs, the newest first. */
  newest(): Promise<readonly R[]> {
    return this.#found(() => true);
  }
  /** The runs that have not ended, the oldest first. */
  async open(): Promise<readonly R[]> {
    return (await this.#found((one) => one.isOpen)).toReversed();
  }
  async get(id: string): Promise<R | undefined> {
    return this.isId(id) ? (await this.#streams.load<R>(this.nameOf(id)))?.snapshot : undefined;
  }

  /** Changes a run by compare-and-set. @throws Refusal for an unknown one, and what `change` throws */
  async change(id: string, change: (run: R) => R): Promise<R> {
    if (!this.isId(id)) throw unknownRun();
    for (;;) {
      const head = await this.#streams.load<R>(this.nameOf(id));
      if (head === undefined) throw unknownRun();
      const changed = change(head.snapshot);
      if (changed === head.snapshot) return changed;
      if ((await this.#streams.append(this.nameOf(id), head.version, [], changed)).ok) return changed;
    }
  }
  /** Says in the list that a run has ended. */
  async close(id: string): Promise<void> {
    await this.#list((runs) => runs.map((one) => (one.id === id && one.isOpen ? { ...one, isOpen: false } : one)));
  }

  async #found(wanted: (one: E) => boolean): Promise<readonly R[]> {
    const runs = (await this.#streams.load<List<E>>(this.#options.list))?.snapshot.runs ?? [];
    const found = await Promise.all(runs.filter(wanted).map(({ id }) => this.get(id)));
    return found.filter((run) => run !== undefined);
  }
  async #list(change: (runs: readonly E[]) => readonly E[]): Promise<void> {
    for (;;) {
      const head = await this.#streams.load<List<E>>(this.#options.list);
      const known = head?.snapshot.runs ?? [];
      const runs = change(known);
      if (runs.length === known.length && runs.every((one, i) => one === known[i])) return;
      if ((await this.#streams.append<List<E>>(this.#options.list, head?.version ?? 0, [], { runs })).ok) return;
    }
  }
}
