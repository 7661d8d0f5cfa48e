import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';
import type { DomainEvent, FileKind } from '@provider-access/events';
import { EngineUnavailable } from '@provider-access/engines/log';
import type { ForecastChange, HeldRow, Holdings, Imported, ListForecast } from '@provider-access/full-files';
import { Refusal } from '@provider-access/kernel';
import { listOf } from '../../projections/file-rows.ts';
import type { Forecast } from '../ops/forecast.ts';
import type { NetworkForecast } from '../ops/network-forecast.ts';
import type { After, SourceRows } from '../ops/source-rows.ts';

/** Rows between two pauses, in which others of the process take their turn. */
const ROWS_A_TURN = 100;
/** How often a question is repeated while the platform cannot answer, and how long it waits in between, ms. */
const TRIES = 30;
const WAIT_MS = 1000;

/** Whether the same may succeed later: an engine is away, or the facts are not up to date. */
export const isTemporary = (error: unknown): boolean =>
  error instanceof EngineUnavailable || (error instanceof Refusal && error.kind === 'unavailable');

export interface Answers {
  readonly rows: Pick<SourceRows, 'current' | 'imports' | 'page'>;
  readonly forecast: Pick<Forecast, 'of'>;
  readonly network: Pick<NetworkForecast, 'of'>;
}

/** What the platform holds of a source, for a run of this process. `pa` asks the same over HTTP. */
export class HeldRows implements Holdings {
  readonly #answers: Answers;
  readonly #list: string;
  readonly #signal: AbortSignal;
  constructor(answers: Answers, of: { readonly source: string; readonly kind: FileKind }, signal: AbortSignal) {
    this.#answers = answers;
    this.#list = listOf(of);
    this.#signal = signal;
  }

  allImports(): Promise<readonly Imported[]> {
    return this.#patiently(async () => {
      await this.#answers.rows.current();
      return this.#answers.rows.imports(this.#list);
    });
  }
  async *rows(): AsyncGenerator<HeldRow> {
    await this.#patiently(() => this.#answers.rows.current());
    let after: After | undefined;
    do {
      const place = after;
      const { rows, next } = await this.#patiently(() => this.#answers.rows.page(this.#list, place));
      for (const [n, row] of rows.entries()) {
        if (n % ROWS_A_TURN === 0) await turn();
        this.#signal.throwIfAborted();
        yield row;
      }
      after = next;
    } while (after !== undefined);
  }
  forecast(events: readonly DomainEvent[]): Promise<readonly ForecastChange[]> {
    return this.#patiently(() => this.#answers.forecast.of(events));
  }
  networkForecast(events: readonly DomainEvent[]): Promise<readonly ListForecast[]> {
    return this.#patiently(() => this.#answers.network.of(events));
  }

  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries += 1) {
      this.#signal.throwIfAborted();
      try {
        return await ask();
      } catch (error) {
        if (!isTemporary(error) || tries === TRIES) throw error;
        await delay(WAIT_MS, undefined, { signal: this.#signal });
      }
    }
  }
}
