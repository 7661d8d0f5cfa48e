import { CliError, EXIT } from '../output.ts';
import { Patience } from '../client/patience.ts';
import type { Server } from '../client/server.ts';

/** What a file said about a row; `row` is null where the file did not have it. */
interface Said {
  readonly row: Readonly<Record<string, unknown>> | null;
  readonly batch: string;
  readonly asOf: string;
  readonly time: string;
}
/** A row as the platform holds it. */
export interface HeldRow extends Said {
  readonly subject: string;
  readonly key: string;
  readonly before?: Said;
}
export interface Imported {
  readonly batch: string;
  readonly asOf: string;
  readonly digest: string;
  readonly rows: number;
  readonly time: string;
  readonly undoes?: string;
}
interface Page {
  readonly imports: readonly Imported[];
  readonly rows: readonly HeldRow[];
  readonly next?: string;
}

const pathOf = ({ source, kind }: { readonly source: string; readonly kind: string }): string =>
  `/ops/sources/${source}/${kind}`;

/** What the platform holds of a source: its imports, and its rows in the order of their subjects. */
export class Held {
  readonly #server: Server;
  readonly #token: string;
  readonly #path: string;
  #imports: readonly Imported[] | undefined;
  constructor(server: Server, token: string, of: { readonly source: string; readonly kind: string }) {
    this.#server = server;
    this.#token = token;
    this.#path = pathOf(of);
  }
  #page(path: string): Promise<Page> {
    return this.#server.json<Page>(path, { token: this.#token });
  }
  /**
   * Repeats a request that failed for a temporary reason, because all of them only read. While a large file is read,
   * connections end, and a platform may restart.
   */
  #patiently<T>(request: () => Promise<T>): Promise<T> {
    return new Patience().run(request);
  }

  /** The imports that count, the oldest first: without those that were undone. */
  async imports(): Promise<readonly Imported[]> {
    const counting: Imported[] = [];
    for (const each of await this.allImports()) {
      const at = counting.findLastIndex(({ batch }) => batch === each.undoes);
      if (each.undoes === undefined) counting.push(each);
      else if (at >= 0) counting.splice(at, 1);
    }
    return counting;
  }
  /** All imports, undone ones and undoes too. */
  async allImports(): Promise<readonly Imported[]> {
    this.#imports ??= (await this.#page(this.#path)).imports;
    return this.#imports;
  }
  async *rows(): AsyncGenerator<HeldRow> {
    // Not the first answer again: since then a large file was read, for minutes.
    let page = await this.#patiently(() => this.#page(this.#path));
    for (;;) {
      yield* page.rows;
      if (page.next === undefined) return;
      if (!page.next.startsWith(`${this.#path}?`))
        throw new CliError(EXIT.unavailable, 'the server named a next page elsewhere');
      const { next } = page;
      page = await this.#patiently(() => this.#page(next));
    }
  }
  async forecast(events: readonly unknown[]): Promise<readonly ForecastChange[]> {
    return (await this.#forecast<{ readonly changes: readonly ForecastChange[] }>(events)).changes;
  }
  /** The same for changes of a network, which must come together. */
  async networkForecast(events: readonly unknown[]): Promise<readonly ListForecast[]> {
    return (await this.#forecast<{ readonly lists: readonly ListForecast[] }>(events)).lists;
  }
  #forecast<T>(events: readonly unknown[]): Promise<T> {
    const call = { token: this.#token, timeoutMs: FORECAST_TIMEOUT_MS };
    return this.#patiently(() => this.#server.post<T>(`${this.#path}/forecast`, { events }, call));
  }
}
/** It may decide about each member of large lists. */
const FORECAST_TIMEOUT_MS = 600_000;
/** How a list of a provider would change. */
interface ListForecast {
  readonly list: string;
  /** Members whom apps of the provider see now. */
  readonly seen: number;
  readonly gained: number;
  readonly lost: number;
  readonly labels: Readonly<Record<string, number>>;
}
export interface ForecastChange {
  readonly member: string;
  readonly list: string;
  readonly change: 'gained' | 'lost';
  /** Labels of resources that the providers of the list would get. */
  readonly labels?: readonly string[];
}
