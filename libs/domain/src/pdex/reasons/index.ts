import { isObject } from '@provider-access/fhir';
import { fault, hasOthers, type PolicyReading, quoted, readFile } from '../policy-file.ts';

/**
 * For what a reason may be given (APPS.md, reason codes). Only a `security` reason denies an app (42 CFR 422.119(e)), a
 * `binding` reason ends one identifier, and a `neutral` reason ends what nobody denies.
 */
export const REASON_KINDS = ['security', 'binding', 'neutral'] as const;
export type ReasonKind = (typeof REASON_KINDS)[number];
/** The payer's list of reasons (REASONS_FILE): codes, with the text that explains each. */
export type Reasons = Readonly<Record<ReasonKind, readonly { readonly code: string; readonly text: string }[]>>;

/** Codes that the platform itself gives or asks for, so each list has them. */
export const REQUESTED_BY_APP = 'requested-by-app';
/** Who decided, where the app itself did. A reviewer has the mark of a token or a name, each with a role. */
export const BY_THE_APP = 'app';
export const REVIEW_TOO_OLD = 'attestation-expired';
const OWN: Readonly<Record<string, ReasonKind>> = { [REQUESTED_BY_APP]: 'neutral', [REVIEW_TOO_OLD]: 'neutral' };

/** The proposal of APPS.md, which counsel confirms or replaces. */
export const DEFAULT_REASONS: Reasons = {
  security: [
    { code: 'key-compromised', text: 'Somebody else has, or may have, a private key of the app.' },
    { code: 'key-not-controlled', text: 'The app cannot show that it alone controls its keys.' },
    { code: 'weak-cryptography', text: 'The app uses keys or algorithms that are not strong enough.' },
    { code: 'no-secure-transport', text: 'The app or its key URL does not use secure transport.' },
    { code: 'identity-not-verified', text: 'The organization behind the app could not be verified.' },
    { code: 'false-statement', text: 'The registration states something that is not true.' },
    { code: 'attack-observed', text: 'An attack came from the app.' },
    { code: 'use-outside-purpose', text: 'The app used data for a purpose that it did not state.' },
    { code: 'open-security-incident', text: 'A security incident of the app is not resolved.' },
    { code: 'security-contact-unreachable', text: 'The security contact of the app does not answer.' },
  ],
  binding: [
    { code: 'not-in-network', text: 'The provider is not in network.' },
    { code: 'npi-unknown', text: 'Neither the directory nor a network status knows the identifier.' },
    { code: 'npi-deactivated', text: 'The NPI is deactivated.' },
    { code: 'evidence-insufficient', text: 'The evidence does not show that the app acts for the provider.' },
    { code: 'evidence-expired', text: 'The evidence is too old.' },
    { code: 'contract-ended', text: 'The contract with the provider has ended.' },
    { code: 'provider-objects', text: 'The provider does not want this app to act for it.' },
    { code: 'conflict-unresolved', text: 'Another app claims the identifier, and the claims contradict each other.' },
  ],
  neutral: [
    { code: REQUESTED_BY_APP, text: 'The app asked for it.' },
    { code: 'requested-by-provider', text: 'The provider asked for it.' },
    { code: 'duplicate', text: 'The app is registered twice.' },
    { code: REVIEW_TOO_OLD, text: 'The last review of the app is too old.' },
    { code: 'test-ended', text: 'The test for which the app was registered is over.' },
  ],
};

const CODE = /^[a-z][a-z0-9-]{1,62}[a-z0-9]$/;
const TEXT = 300;
const MOST = 100;

/** What is wrong with the reasons of one kind. */
function kindFault(kind: ReasonKind, reasons: unknown): string | undefined {
  if (!Array.isArray(reasons) || reasons.length === 0 || reasons.length > MOST)
    return `"${kind}" must be a list of 1 to ${MOST} reasons`;
  for (const [at, reason] of reasons.entries()) {
    const place = `"${kind}" entry ${at + 1}`;
    if (!isObject(reason) || hasOthers(reason, ['code', 'text']))
      return `${place} must have the members ${quoted(['code', 'text'])} and no other`;
    const { code, text } = reason as { code?: unknown; text?: unknown };
    if (typeof code !== 'string' || !CODE.test(code))
      return `${place} "code" must be lower-case letters, digits and hyphens, such as "key-compromised"`;
    if (typeof text !== 'string' || text.trim() === '' || text.length > TEXT || /\p{Cc}/u.test(text))
      return `${place} "text" must be one line of at most ${TEXT} characters`;
  }
  return undefined;
}

/** Reads the payer's list. */
export function readReasons(text: string): PolicyReading<Reasons> {
  const reading = readFile<Reasons>(
    text,
    Object.fromEntries(REASON_KINDS.map((kind) => [kind, (value: unknown) => kindFault(kind, value)])),
  );
  if (!reading.ok) return reading;
  const kinds = new Map<string, ReasonKind>();
  for (const kind of REASON_KINDS)
    for (const { code } of reading.policy[kind]) {
      if (kinds.has(code)) return fault(`has the code "${code}" twice`);
      kinds.set(code, kind);
    }
  for (const [code, kind] of Object.entries(OWN))
    if (kinds.get(code) !== kind) return fault(`"${kind}" must have the code "${code}", which the platform gives`);
  return reading;
}
