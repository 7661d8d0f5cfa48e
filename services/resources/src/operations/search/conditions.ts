import type { SearchQuery } from '@provider-access/fhir';
import type { WithinScope } from '@provider-access/records';

/** Where a search continues: behind this record, in the order of the search. */
export interface Behind {
  readonly member: string;
  readonly id: string;
  /** Given if the search is in the order of `_lastUpdated`. */
  readonly lastUpdated?: number;
}

/** The members who have a resource of an id, by the id. */
export type Holders = ReadonlyMap<string, readonly string[]>;
/** The conditions of a search on one type. */
export type Conditions = Pick<SearchQuery, 'type' | 'ids' | 'filters' | 'updated'> & {
  readonly holders?: Holders | undefined;
  /** The part of the type that the scopes cover (`VisibleRecords.restricted`). Absent: the whole type. */
  readonly within?: WithinScope | undefined;
  /** The same, where `filters` do not say it. Absent: they do. */
  readonly also?: WithinScope | undefined;
  /** Whether the search has counted the evaluations of its results before. Default false. */
  readonly isEvaluated?: boolean;
};
