import type { Loss, Position } from './port.ts';

/** The id by which an operator accepts a loss. Records that retention removes later are another loss. */
export const lossId = ({ group, topic, partition, from, to }: Loss): string =>
  `loss/${group}/${topic}/${partition}/${from}-${to}`;

/** Why a reader stopped at a loss, and how it goes on. */
export const lossReason = ({ from, to }: Pick<Loss, 'from' | 'to'>): string =>
  `retention removed records ${from} to ${to - 1} before this group had read them; \`pa topics accept-loss\` goes on ` +
  'without them';

/** The failure text of a reader that stopped at a loss. */
export const lossSentence = (loss: Pick<Loss, 'topic' | 'partition' | 'from' | 'to'>): string =>
  `${loss.topic}/${loss.partition}: ${lossReason(loss)}`;

/** For groups without an operator's decision: only a group that has committed nothing continues. */
export const acceptedByDefault = async ({ begun }: Loss): Promise<boolean> => !begun;

/** The losses of a group from the first remaining offsets, in partitions where the group has a commit. */
export const lossesOf = (
  group: string,
  committed: Readonly<Record<string, readonly (number | undefined)[]>>,
  starts: Position,
): readonly Loss[] =>
  Object.entries(starts).flatMap(([topic, offsets]) =>
    offsets.flatMap((to, partition) => {
      const from = committed[topic]?.[partition];
      return from === undefined || from >= to ? [] : [{ group, topic, partition, from, to, begun: true }];
    }),
  );
