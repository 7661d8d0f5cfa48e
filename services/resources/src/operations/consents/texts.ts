import { MEMBER, type LinkedMember, Refusal, type Role } from '@provider-access/kernel';
import { unknownParameter } from '@provider-access/service/http';
import { type FhirQuery, GENERAL_PARAMETERS } from '@provider-access/service/operation';

export const MEMBER_PORTAL = 'member-portal' satisfies Role;
/**
 * Parts of the descriptors of operations on Consents. The audit has them as `explain`: the payer looks at its own
 * decisions, and nothing is disclosed.
 */
export const FOR_PORTAL = {
  callers: [MEMBER_PORTAL, 'call-centre'],
  audit: 'explain',
  tag: 'Decisions of members',
  refusals: ['invalid-value', 'not-supported', 'not-found', 'not-acceptable'],
} as const;
/** For the member of a link, too. */
export const FOR_MEMBERS = { ...FOR_PORTAL, callers: [MEMBER_PORTAL, 'call-centre', MEMBER] } as const;
/** About another member, whether that member exists or not. */
const notThisMember = (): Refusal => new Refusal('forbidden', 'The session is for another member.');
/** @throws Refusal 403 unless the caller may see the member */
export function requireMember(caller: { readonly member?: LinkedMember } | undefined, member: string): void {
  if (caller?.member !== undefined && caller.member.id !== member) throw notThisMember();
}
export const OF_A_CONSENT = {
  ...FOR_PORTAL,
  noId: 'unknown-resource',
  parameters: { id: 'The id of the Consent.' },
} as const;

/** The query of an interaction that has the general parameters alone. */
export const ONLY_GENERAL: Required<FhirQuery<void>> = {
  parameters: GENERAL_PARAMETERS,
  read(own) {
    const [name] = own.keys();
    if (name !== undefined) throw unknownParameter('A Consent', name, []);
  },
};
