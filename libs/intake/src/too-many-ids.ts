import type { EventFault } from '@provider-access/events';

/** The most ids that merges may join for one person, because each new statement about a person has to reach each id. */
export const MOST_IDS = 100;
/** The reason for a merge that would join more. */
export const TOO_MANY_IDS: EventFault = {
  reason: 'too-many-ids',
  detail: `a person has at most ${MOST_IDS} member ids, and this merge would join more`,
};
