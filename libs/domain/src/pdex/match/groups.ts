import type { GroupPayer } from '../group.ts';
import type { SubmittedBundle } from './request.ts';

/** The Groups of a result. `constrained` is there only where the payer switched it on (M53). */
export type ResultKind = 'matched' | 'nonmatched' | 'constrained';

/** What a Group of a result says beside its entries. */
export interface ResultHead {
  readonly kind: ResultKind;
  readonly id: string;
  /** RFC 3339 instant. */
  readonly lastUpdated: string;
  /** The attesting NPIs. */
  readonly npis: readonly string[];
  /** The id of the result, under the payer's system `{base}/identifier/match-result`. */
  readonly result: { readonly system: string; readonly value: string };
  readonly payer: GroupPayer;
  /** Day of the match, and the last day of a matched Group. */
  readonly from: string;
  readonly to?: string;
}

/** One bundle of the request in a Group of the result. */
export interface ResultEntry {
  readonly place: number;
  readonly ids: SubmittedBundle['ids'];
  /** Our member, for `matched` and `constrained`. */
  readonly member?: string;
  /** The submitted Patient as `readBundle` returns it. Absent if it is no valid FHIR, or after its expiry (M75). */
  readonly patient?: object;
  /** Only for a person with more than one bundle (M58). */
  readonly coverage?: object;
}

/**
 * The line of a Group in parts, each of them JSON text, so that entries can be stored for each member. With at least
 * one entry: `head`, contained parts joined by commas between `contained` marks, entries joined by commas between
 * `member` marks, and `tail(count)`. `resultLine` puts them together.
 */
export interface EntryParts {
  /** Contained resources without a comma around them; empty if the entry has none. */
  readonly contained: string;
  readonly entry: string;
}
