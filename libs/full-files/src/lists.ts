import type { DomainEvent, FileKind } from '@provider-access/events';
import type { ForecastChange, Holdings } from './holdings.ts';
import type { ListChange } from './report.ts';

/** Events of one forecast. All those about one member are in one request. */
const FORECAST = 500;
/** So many changes of a network are foreseen, because they go in one request. */
const MOST_OF_NETWORK = 20_000;

/** Collects what the forecast of some events at a time says about each list. */
export class Lists {
  readonly #holdings: Holdings;
  readonly #isNetwork: boolean;
  readonly lists = new Map<string, ListChange>();
  /** Gained members by the labels of resources that come with them. */
  readonly labels = new Map<string, number>();
  gained = 0;
  lost = 0;
  /** Changes of a network that are too many to be foreseen. */
  unforeseen = 0;
  #open: DomainEvent[] = [];
  constructor(holdings: Holdings, kind: FileKind) {
    this.#holdings = holdings;
    this.#isNetwork = kind === 'network';
  }
  list(name: string): ListChange {
    let list = this.lists.get(name);
    if (list === undefined) this.lists.set(name, (list = { held: 0, gained: 0, lost: 0 }));
    return list;
  }
  async add(events: readonly DomainEvent[]): Promise<void> {
    if (this.#isNetwork) {
      this.unforeseen += events.length;
      if (this.unforeseen > MOST_OF_NETWORK) this.#open = [];
      else this.#open.push(...events);
      return;
    }
    this.#open.push(...events);
    if (this.#open.length >= FORECAST) await this.end();
  }
  async end(): Promise<void> {
    if (this.#open.length === 0) return;
    if (this.#isNetwork) return this.#foreseeNetwork();
    const changes: readonly ForecastChange[] = await this.#holdings.forecast(this.#open);
    this.#open = [];
    for (const { list, change, labels = [] } of changes) {
      for (const label of labels) this.labels.set(label, (this.labels.get(label) ?? 0) + 1);
      this[change] += 1;
      this.list(list)[change] += 1;
    }
  }
  async #foreseeNetwork(): Promise<void> {
    for (const { list, seen, gained, lost, labels } of await this.#holdings.networkForecast(this.#open)) {
      for (const [label, count] of Object.entries(labels))
        this.labels.set(label, (this.labels.get(label) ?? 0) + count);
      Object.assign(this.list(list), { held: seen, gained, lost });
      this.gained += gained;
      this.lost += lost;
    }
    this.#open = [];
    this.unforeseen = 0;
  }
}
