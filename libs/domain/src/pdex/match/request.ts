/**
 * One `MemberBundle` of a request. Contained ids are unique within the request, so each result can use them, whichever
 * entries a download leaves out.
 */
export interface SubmittedBundle {
  /** Position in the request, from 1. */
  readonly place: number;
  /** The parameter as submitted. */
  readonly part: unknown;
  /** Ids of the contained Patient and Coverage: the submitted ones, unless another bundle has the same. */
  readonly ids: { readonly patient: string; readonly coverage: string };
  /** Whether the request has another bundle of the same person, so that results name the Coverage too (M58). */
  readonly isRepeated: boolean;
}

/** Why a body as a whole cannot be used (M5): a 400. */
export type ReadRequest =
  { readonly ok: true; readonly bundles: readonly SubmittedBundle[] } | { readonly ok: false; readonly text: string };
