import type { Position } from '@provider-access/eventlog';
import { collectionName } from './port.ts';
import type { FindQuery, Projection, Scalar, ViewDocument, ViewPosition, ViewReader } from './port.ts';
import { hasPassed, viewPosition } from './progress.ts';
import { checkBodies, checkProjection, fieldOf, planQuery, splitPath } from './query.ts';
import type { ViewStore } from './store.ts';

/** How often a reader looks at a store that another process writes. */
const POLL_MS = 100;
const PAGE = 500;

/** The read side of a view over any store: paging, and waiting until the view has passed a position. */
export class StoreReader implements ViewReader {
  readonly #store: ViewStore;
  readonly #projection: Projection;

  constructor(store: ViewStore, projection: Projection) {
    checkProjection(projection);
    this.#store = store;
    this.#projection = projection;
  }

  async get(id: string, options?: { bodies?: readonly string[] }): Promise<ViewDocument | undefined> {
    return (await this.#store.getMany(this.#projection, [id], checkBodies(this.#projection, options?.bodies)))[0];
  }

  async getMany(ids: readonly string[], options?: { bodies?: readonly string[] }): Promise<readonly (ViewDocument | undefined)[]> {
    return this.#store.getMany(this.#projection, ids, checkBodies(this.#projection, options?.bodies));
  }

  async find(query: FindQuery): Promise<readonly ViewDocument[]> {
    return this.#store.find(this.#projection, query);
  }

  scan(query: Omit<FindQuery, 'limit'> & { pageSize?: number }): AsyncIterable<ViewDocument> {
    const { pageSize, ...rest } = query;
    const first: FindQuery = { ...rest, limit: pageSize ?? PAGE };
    const plan = planQuery(this.#projection, first);
    return this.#pages(first, plan.rest.map(splitPath));
  }

  async *#pages(first: FindQuery, paths: readonly (readonly [string, readonly string[]])[]): AsyncGenerator<ViewDocument> {
    let query = first;
    for (;;) {
      const page = await this.#store.find(this.#projection, query);
      yield* page;
      const last = page.at(-1);
      if (last === undefined || page.length < query.limit) return;
      query = { ...query, after: { values: paths.map(([part, fields]) => fieldOf(last[part], fields) as Scalar), id: last._id } };
    }
  }

  count(): Promise<number> {
    return this.#store.count(this.#projection, 'live');
  }

  async position(): Promise<ViewPosition> {
    return viewPosition(Object.keys(this.#projection.topics), await this.#store.checkpoints(this.#projection, 'live'));
  }

  async waitFor(position: Position, timeoutMs: number, derivers: readonly string[] = []): Promise<boolean> {
    const deadline = performance.now() + timeoutMs;
    let wake: (() => void) | undefined;
    let advances = 0;
    const stopListening = this.#store.onAdvance(collectionName(this.#projection), () => {
      advances++;
      wake?.();
    });
    try {
      for (;;) {
        const before = advances;
        if (hasPassed(await this.position(), position, derivers)) return true;
        const left = deadline - performance.now();
        if (left <= 0) return false;
        if (advances !== before) continue;
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, Math.min(left, POLL_MS));
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        wake = undefined;
      }
    } finally {
      stopListening();
    }
  }
}
