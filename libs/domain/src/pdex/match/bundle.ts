/** What a search for a member compares, as submitted: nothing is folded. */
export interface Demographics {
  /** Of type `MB` in CoverageToMatch. Those of the Patient may be the provider's own, and do not count (M45). */
  readonly memberIds: readonly { readonly system?: string; readonly value: string }[];
  readonly subscriberId?: string;
  /** A day, YYYY-MM-DD. */
  readonly birthDate: string;
  readonly family: string;
  readonly given: readonly string[];
  readonly suffix?: readonly string[];
  /** `male`, `female`, `other` or `unknown`. */
  readonly gender?: string;
  readonly zip?: string;
}

/** What a Consent of a bundle attests. */
export interface Attestation {
  /** NPIs of the performers, with a right check digit, at least one. */
  readonly npis: readonly string[];
  readonly status: 'active' | 'entered-in-error';
  /** `Consent.dateTime`, a FHIR dateTime. */
  readonly at: string;
  /** `provision.period`, which contains the instant of the request (M18). FHIR dateTimes. */
  readonly period?: { readonly start?: string; readonly end?: string };
}

/** A bundle that has all that a search and a decision need. */
export interface MemberBundle {
  readonly place: number;
  readonly demographics: Demographics;
  readonly attestation: Attestation;
  /** The submitted Patient as a result contains it (M57). */
  readonly patient: object;
  readonly coverage: object;
}

/**
 * A bundle, or what is wrong with the first element at fault. `element` is a path such as
 * `MemberPatient.name[0].family`, and neither it nor `text` has a value of the bundle. `patient` is there if it is
 * valid FHIR, so that NonMatched can contain it.
 */
export type ReadBundle =
  | { readonly ok: true; readonly bundle: MemberBundle }
  | {
      readonly ok: false;
      readonly place: number;
      readonly element: string;
      readonly text: string;
      readonly patient?: object;
      /** The Consent is of another patient (M17). */
      readonly securityEvent?: true;
    };
