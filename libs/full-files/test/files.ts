import type { DomainEvent } from '@provider-access/events';
import type { FileBytes } from '../src/file-bytes.ts';
import type { ForecastChange, HeldRow, Holdings, Imported, ListForecast } from '../src/holdings.ts';

/** A file of these lines, in memory. */
export const fileOf = (name: string, lines: readonly string[], end = '\n'): FileBytes => ({
  name,
  async *bytes() {
    yield Buffer.from(`${lines.join('\n')}${end}`);
  },
});

/** What a platform holds, in memory. It counts the events of each forecast. */
export class HeldInMemory implements Holdings {
  readonly forecasts: number[] = [];
  readonly #rows: readonly HeldRow[];
  readonly #imports: readonly Imported[];
  constructor(rows: readonly HeldRow[] = [], imports: readonly Imported[] = []) {
    this.#rows = rows;
    this.#imports = imports;
  }
  allImports(): Promise<readonly Imported[]> {
    return Promise.resolve(this.#imports);
  }
  async *rows(): AsyncGenerator<HeldRow> {
    yield* this.#rows;
  }
  forecast(events: readonly DomainEvent[]): Promise<readonly ForecastChange[]> {
    this.forecasts.push(events.length);
    return Promise.resolve([]);
  }
  networkForecast(events: readonly DomainEvent[]): Promise<readonly ListForecast[]> {
    this.forecasts.push(events.length);
    return Promise.resolve([]);
  }
}
