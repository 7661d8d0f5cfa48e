import type { Role } from '@provider-access/kernel';
import { unknownParameter } from '@provider-access/service/http';
import { type FhirQuery, GENERAL_PARAMETERS } from '@provider-access/service/operation';

export const MEMBER_PORTAL = 'member-portal' satisfies Role;
/**
 * Parts of the descriptors of operations on Consents. The audit has them as `explain`: the payer looks at its own
 * decisions, and nothing is disclosed.
 */
export const FOR_PORTAL = {
  callers: [MEMBER_PORTAL],
  audit: 'explain',
  tag: 'Decisions of members',
  refusals: ['invalid-value', 'not-supported', 'not-found', 'not-acceptable'],
} as const;
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
