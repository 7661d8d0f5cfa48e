import type { Position } from '../log/index.ts';
import type { ViewPosition, ViewReader, Views } from './port.ts';
import type {
  BesideLoad,
  CountQuery,
  DocumentVersion,
  FindQuery,
  IdSet,
  IdsQuery,
  KnownDocument,
  LoadQuery,
  Projection,
  ReadWhile,
  Scalar,
  ValuesQuery,
  ViewDocument,
} from './projection.ts';
import { PositionWatch } from './position-watch.ts';
import {
  bytesOfBodies,
  checkProjection,
  fieldOf,
  planCount,
  planIds,
  planLoad,
  planQuery,
  planValues,
  type QueryPlan,
  splitPath,
} from './query.ts';
import type { ViewStore } from './view-store.ts';

const PAGE = 500;
const LEFT_OUT = { plain: 'left out' } as const;

/** A reader over any store, with pages and with waiting until the view has passed a position. */
class StoreReader implements ViewReader {
  readonly #store: ViewStore;
  readonly #projection: Projection;
  readonly #watch: PositionWatch;

  constructor(store: ViewStore, projection: Projection) {
    checkProjection(projection);
    this.#store = store;
    this.#projection = projection;
    this.#watch = PositionWatch.of(store, projection);
  }

  async get(id: string, load?: Pick<LoadQuery, 'bodies'>): Promise<ViewDocument | undefined> {
    return (await this.#store.getMany(this.#projection, [id], planLoad(this.#projection, load)))[0];
  }

  async getMany(ids: readonly string[], load?: LoadQuery): Promise<readonly (ViewDocument | undefined)[]> {
    const plan = planLoad(this.#projection, load);
    return ids.length === 0 ? [] : this.#store.getMany(this.#projection, ids, plan);
  }

  async others(among: IdSet): Promise<readonly ViewDocument[]> {
    return this.#store.others(this.#projection, among, planLoad(this.#projection, LEFT_OUT));
  }

  async find(query: FindQuery): Promise<readonly ViewDocument[]> {
    return this.#store.find(this.#projection, planQuery(this.#projection, query));
  }

  async having(query: ValuesQuery): Promise<readonly ViewDocument[]> {
    const plan = planValues(this.#projection, query);
    return plan.any.length === 0 ? [] : this.#store.having(this.#projection, plan);
  }

  async ids(query: IdsQuery): Promise<readonly string[]> {
    return this.#store.ids(this.#projection, planIds(this.#projection, query));
  }

  async versions(query: IdsQuery): Promise<readonly DocumentVersion[]> {
    return this.#store.versions(this.#projection, planIds(this.#projection, query));
  }

  async count(query: CountQuery): Promise<ReadonlyMap<Scalar, number>> {
    return this.#store.countElements(this.#projection, planCount(this.#projection, query));
  }

  scan(query: Omit<FindQuery, 'limit' | 'joined'> & { pageSize?: number }): AsyncIterable<ViewDocument> {
    const { pageSize, ...rest } = query;
    return this.#pages(planQuery(this.#projection, { ...rest, limit: pageSize ?? PAGE }));
  }

  async *#pages(plan: QueryPlan): AsyncGenerator<ViewDocument> {
    const paths = plan.rest.map(splitPath);
    for (let after = plan.after; ;) {
      const page = await this.#store.find(this.#projection, { ...plan, after });
      yield* page;
      const last = page.at(-1);
      if (last === undefined || (page.length < plan.limit && !isFull(page, plan))) return;
      after = { values: paths.map(([part, fields]) => fieldOf(last[part], fields) as Scalar), id: last._id };
    }
  }

  position(): Promise<ViewPosition> {
    return this.#watch.position();
  }

  waitFor(position: Position, timeoutMs: number, derivers: readonly string[] = []): Promise<boolean> {
    return this.#watch.waitFor(position, timeoutMs, derivers);
  }

  generation(): number | undefined {
    return this.#store.generation(this.#projection);
  }
  kept(id: string): ViewDocument | undefined {
    return this.#store.kept(this.#projection, id);
  }
  remembered(id: string, withinMs: number): ViewDocument | undefined {
    return this.#store.remembered(this.#projection, id, withinMs);
  }
  async getWhile(known: KnownDocument, ids: readonly string[], load?: BesideLoad): Promise<ReadWhile> {
    return this.#store.getWhile(this.#projection, known, ids, planLoad(this.#projection, load));
  }
}

/** Whether the bound of bytes ended the page. */
const isFull = (page: readonly ViewDocument[], { maxBytes, bodies }: QueryPlan): boolean =>
  maxBytes !== Number.POSITIVE_INFINITY &&
  page.reduce((sum, document) => sum + bytesOfBodies(document, bodies), 0) >= maxBytes;

/** The port over a store. */
export function viewsOver<Store extends ViewStore>(
  store: Store,
  remote: Views['remote'],
): Views & { readonly store: Store } {
  return {
    store,
    reader: (projection) => new StoreReader(store, projection),
    extracts: (options) => store.extracts(options),
    close: async () => store.close(),
    remote,
  };
}
