import type { ForecastChange, HeldRow, Holdings, Imported, ListForecast } from '@provider-access/full-files';
import { Patience } from '../client/patience.ts';
import type { Server } from '../client/server.ts';
import { CliError, EXIT } from '../output.ts';

interface Page {
  readonly imports: readonly Imported[];
  readonly rows: readonly HeldRow[];
  readonly next?: string;
}

/** It may decide about each member of large lists. */
const FORECAST_TIMEOUT_MS = 600_000;

const pathOf = ({ source, kind }: { readonly source: string; readonly kind: string }): string =>
  `/ops/sources/${source}/${kind}`;

/** What the platform answers about a source. */
export class Held implements Holdings {
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
