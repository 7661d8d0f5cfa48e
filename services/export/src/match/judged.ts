import type { SubmittedBundle } from '@provider-access/domain/pdex/match';
import type { Blobs } from '@provider-access/engines/blob';
import { type ChunkResult, readJson } from '@provider-access/jobs/files';

/** What the platform decided about one bundle. */
export interface Judged {
  readonly place: number;
  readonly ids: SubmittedBundle['ids'];
  /** The submitted Patient without what a result must not contain. Absent if it is no valid FHIR. */
  readonly patient?: object;
  /** Only where a person has more than one bundle (M58). */
  readonly coverage?: object;
  /** NPIs of the attestation. Absent if the bundle could not be read. */
  readonly npis?: readonly string[];
  /** Our member, if the attestation opens it to the client. */
  readonly matched?: Matched;
  /** Our member, if an opt-out alone bars it, and the payer answers with such members (M53). */
  readonly constrained?: string;
  /** What an attestation that was entered in error ends (M19). */
  readonly ended?: readonly Ended[];
  /** Why the bundle could not be read. The text has no value of it. */
  readonly fault?: { readonly element: string; readonly text: string };
}
export interface Matched {
  readonly member: string;
  readonly npi: string;
  /** When the provider says that it attested: a FHIR dateTime. */
  readonly attestedAt: string;
  /** Version of the policy that accepted it. */
  readonly policy: string;
}
/** An attestation that ends. */
export interface Ended {
  readonly member: string;
  readonly group: string;
}

/** What a chunk of a match has: no part files, because the seal makes the Groups of all chunks. */
export interface MatchSummary extends ChunkResult {
  readonly judged: readonly Judged[];
}
export const readMatchSummary = (blobs: Blobs, name: string): Promise<MatchSummary> => readJson(blobs, name);
