import type { Loss } from './port.ts';

/** The name under which an operator accepts a loss. More that retention takes later is another loss. */
export const lossId = ({ group, topic, partition, from, to }: Loss): string =>
  `loss/${group}/${topic}/${partition}/${from}-${to}`;

/** What a reader that stands still in front of a loss says. PHI-free. */
export const lossSentence = ({
  topic,
  partition,
  from,
  to,
}: Pick<Loss, 'topic' | 'partition' | 'from' | 'to'>): string =>
  `${topic}/${partition}: retention removed records ${from} to ${to - 1} before this group had read them; \`pa ` +
  `topics accept-loss\` goes on without them`;

/** For groups that nobody asks an operator about. */
export const acceptedByDefault = async ({ begun }: Loss): Promise<boolean> => !begun;
