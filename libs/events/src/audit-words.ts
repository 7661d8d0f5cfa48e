import type { RefusalKind } from '@provider-access/kernel';

/**
 * The words of the audit: what a client asked for, and why it got nothing. Audit, metrics, AuditEvents, the accounting
 * of disclosures and `docs/refusals.md` read these tables, or are checked against them. Each text says in
 * `docs/refusals.md` what causes a reason.
 */

interface Action {
  /**
   * Purpose of use, a code of http://terminology.hl7.org/CodeSystem/v3-ActReason. A provider's client gets data of
   * members whom the payer attributed to this provider, for their treatment (45 CFR 156.221, CMS-0057-F). An operator
   * who looks at a decision works for the payer. A token is asked for no purpose yet.
   */
  readonly purpose: 'TREAT' | 'HOPERAT' | undefined;
  /** What it gives to somebody outside, in the words of an accounting; undefined if nothing about a member. */
  readonly gives: string | undefined;
  /** A look of the payer's own people or systems: the answer named members to them. */
  readonly isLook?: true;
}
const NAMED_IN_LIST = 'named in the list of members of a provider';
const ACTIONS = {
  read: { purpose: 'TREAT', gives: 'read' },
  vread: { purpose: 'TREAT', gives: 'an earlier version read' },
  history: { purpose: 'TREAT', gives: 'read with its earlier versions' },
  search: { purpose: 'TREAT', gives: 'found by a search' },
  'group-read': { purpose: 'TREAT', gives: NAMED_IN_LIST },
  'group-search': { purpose: 'TREAT', gives: NAMED_IN_LIST },
  'export-requested': { purpose: 'TREAT', gives: undefined },
  download: { purpose: 'TREAT', gives: 'downloaded as part of an export' },
  token: { purpose: undefined, gives: undefined },
  explain: { purpose: 'HOPERAT', gives: undefined, isLook: true },
  'file-rows': { purpose: 'HOPERAT', gives: undefined, isLook: true },
  recall: { purpose: 'HOPERAT', gives: undefined },
} as const satisfies Record<string, Action>;
export type AuditAction = keyof typeof ACTIONS;
export const AUDIT_ACTIONS: Readonly<Record<AuditAction, Action>> = ACTIONS;

/** The names of a table, in its order. */
export const namesOf = <Name extends string>(table: Readonly<Partial<Record<Name, unknown>>>): readonly Name[] =>
  Object.keys(table) as Name[];

/** Why a client may not see a member. Clients never see these words. */
export const DENIALS = {
  'client-unknown': 'There is no such app.',
  'client-not-approved': 'The app was not approved at that time.',
  'member-unknown': 'The payer never said anything about this member.',
  'not-covered': 'The member had no coverage then.',
  'line-not-started': 'The line of business of the coverage has not started, or its plan is not in the table.',
  'not-attributed': 'The member is not attributed to a provider of the app, and no provider of the app attests.',
  'not-in-network': 'No provider of the attribution was in network.',
  'opted-out': 'An opt-out covers the provider.',
  notice: 'The member has not got a notice yet, and the payer shares nothing before.',
  'on-hold': 'A dead letter may have ended the access of this member.',
  'source-on-hold': 'Something that a whole source said cannot be read.',
} as const;
export type DenialReason = keyof typeof DENIALS;

/** Why a resource, a Group or an export does not exist for a client. Clients never see these words either. */
export const ABSENCES = {
  'unknown-resource': 'There is no resource with this type and id, or it has no such version.',
  'withheld-by-label': 'A security label withholds the resource.',
  'group-unknown': 'There is no Group with this id.',
  'group-of-another': 'The app is not bound to a provider of this Group, or the Group is the match of another app.',
  'group-expired': 'The matched Group of the app has expired.',
  'export-unknown': 'There is no export with this id.',
  'export-of-another': 'The export is one of another app.',
  'export-gone': 'The app deleted the export, or it expired.',
  'export-file-unknown': 'The export has no such file, or nobody in it is permitted now.',
} as const;
/** What an app did that may be an attempt on members. An entry with such a reason has no members and no values. */
export const SUSPICIONS = {
  'consent-of-another': 'A bundle of a match had a Consent of another patient.',
  'match-suspended': 'Searches of a match looked like guesses, so the match is suspended for the app.',
} as const;
/**
 * Why a request that needs no token of its own is refused: a denial, an absence, a suspicion, or what its answer says.
 */
export type RefusalReason = DenialReason | keyof typeof ABSENCES | keyof typeof SUSPICIONS | RefusalKind;
/** Why a release has no content: the client has the version already, or the resource was removed. */
export type ReleaseReason = 'not-modified' | 'removed';

/** The checks of a client assertion, in their order, with what fails each of them. */
export const ASSERTION_CHECKS = {
  decode: 'It is no JWT.',
  alg: 'The algorithm is another than ES384 or RS384.',
  client: '`iss` names no app, or one that is rejected or suspended; or `iss` and `sub` differ.',
  aud: 'The audience is another than the token endpoint, or a list names another server too.',
  time: '`exp` is past or more than five minutes ahead, or `nbf` or `iat` is ahead.',
  key: 'No registered key has the `kid` and the type.',
  signature: 'The key does not verify the signature.',
  jti: 'The assertion was used before.',
} as const;
export type AssertionStep = keyof typeof ASSERTION_CHECKS;
/** What a request for a token can fail at after its assertion was checked. */
export const TOKEN_CHECKS = ['client_id', 'not-approved', 'not-in-network'] as const;
export type TokenStep = AssertionStep | (typeof TOKEN_CHECKS)[number];
