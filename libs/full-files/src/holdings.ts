import type { DomainEvent } from '@provider-access/events';

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
/** How a list of a provider would change. */
export interface ListForecast {
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

/** What the platform holds of one kind of one source. */
export interface Holdings {
  /** All imports, the oldest first: undone ones and undoes too. */
  allImports(): Promise<readonly Imported[]>;
  /** Its rows in the order of their subjects, as they are when the reading begins. */
  rows(): AsyncIterable<HeldRow>;
  /** What the events would change. All those about one member come in one call. */
  forecast(events: readonly DomainEvent[]): Promise<readonly ForecastChange[]>;
  /** The same for changes of a network, which come together. */
  networkForecast(events: readonly DomainEvent[]): Promise<readonly ListForecast[]>;
}

/** The imports that count, the oldest first: without those that were undone. */
export function countingOf(imports: readonly Imported[]): readonly Imported[] {
  const counting: Imported[] = [];
  for (const each of imports) {
    const at = counting.findLastIndex(({ batch }) => batch === each.undoes);
    if (each.undoes === undefined) counting.push(each);
    else if (at >= 0) counting.splice(at, 1);
  }
  return counting;
}
