import type { Loss } from './port.ts';

/** The id by which an operator accepts a loss. Records that retention removes later are another loss. */
export const lossId = ({ group, topic, partition, from, to }: Loss): string =>
  `loss/${group}/${topic}/${partition}/${from}-${to}`;

/** The failure text of a reader that stopped at a loss. */
export const lossSentence = ({ topic, partition, from, to }: Omit<Loss, 'group' | 'begun'>): string =>
  `${topic}/${partition}: retention removed records ${from} to ${to - 1} before this group had read them; \`pa ` +
  `topics accept-loss\` goes on without them`;

/** For groups without an operator's decision: only a group that has committed nothing continues. */
export const acceptedByDefault = async ({ begun }: Loss): Promise<boolean> => !begun;
