import { type LinkedMember, Refusal } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import type { PostedConsent } from '../../consents/posted.ts';

const DECIDED = 'people/member-decisions';
/** ms: longer than any session of a member. */
const REMEMBERED_MS = 3_600_000;

/**
 * Stores the decision of a member who opened a link. A link is for one decision (PEOPLE.md N51): whoever finds the page
 * open later cannot take the decision back. A decision that was not stored does not count.
 * @throws Refusal 409 after a decision, 422 if somebody else than the member decides
 */
export async function decideOnce<T>(
  { state: { claims }, clock }: Pick<ServicePorts, 'state' | 'clock'>,
  { link }: LinkedMember,
  { event }: PostedConsent,
  store: () => Promise<T>,
): Promise<T> {
  // The portal proved who the member is, and nothing about a representative.
  if (event.data['setBy'] !== 'member')
    throw new Refusal('unprocessable', 'Consent.performer must be the member who opened the link.', {
      expression: 'Consent.performer',
    });
  const owner = crypto.randomUUID();
  const by = await claims.claim(DECIDED, link, owner, clock.now() + REMEMBERED_MS);
  if (by !== owner)
    throw new Refusal('conflict', 'A link is for one decision. Open a new link of the portal for another one.');
  try {
    return await store();
  } catch (error) {
    await claims.release(DECIDED, link, owner);
    throw error;
  }
}
