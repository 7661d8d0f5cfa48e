import { type DenialReason, DENIALS, namesOf } from '@provider-access/events';

/** What the running policy decides, as far as a provider has to know it. */
export interface RunningPolicy {
  /** Prior authorizations of drugs are withheld now. */
  readonly excludesDrugs: boolean;
  /** Nothing is shared of a member who has not got a notice. */
  readonly holdsUntilNotice: boolean;
}

type Rule = (policy: RunningPolicy) => string | undefined;
/**
 * What must hold before a provider sees a member, one sentence for each reason of a denial (`decide` in libs/domain).
 * `undefined`: another sentence says it.
 */
const RULES: Readonly<Partial<Record<DenialReason, Rule>>> = {
  'client-unknown': () => 'Your system is registered with us.',
  'client-not-approved': () => 'We have approved your system, and have tied it to your NPI or tax number (TIN).',
  'not-attributed': () => 'The member is attributed to you: the member is on our list of patients for your NPI or TIN.',
  'member-unknown': () => undefined,
  'not-covered': () => 'The member has coverage with us today.',
  'line-not-started': () => 'The plan of the member belongs to a line of business that is open: see below.',
  'not-in-network': () => 'You are in our network today.',
  'opted-out': () => 'The member has not opted out. We cannot tell you whether a member has.',
  notice: ({ holdsUntilNotice }) => (holdsUntilNotice ? 'The member has got our notice about sharing.' : undefined),
  'on-hold': () =>
    'We could read everything that was sent to us about the member. Otherwise we wait until it is mended.',
  'source-on-hold': () => undefined,
};

/** The sentences of the page: what must hold, and what must not. A reason without its own sentence must not hold. */
export const rulesOf = (
  policy: RunningPolicy,
): { readonly holds: readonly string[]; readonly never: readonly string[] } => ({
  holds: namesOf(DENIALS).flatMap((reason) => RULES[reason]?.(policy) ?? []),
  never: namesOf(DENIALS).flatMap((reason) => (RULES[reason] === undefined ? DENIALS[reason] : [])),
});
