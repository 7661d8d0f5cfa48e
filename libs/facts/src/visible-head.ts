import type { EventLog, Position } from '@provider-access/engines/log';

/**
 * Heads, without what no reader is ever given: a payer's transactions leave markers and aborted records at the end of a
 * partition, and retention may have taken everything that was in it. Where nothing is to be read between what a deriver
 * has passed and the head, what it has passed is the head. `passed`: of any derivers of these topics, the furthest
 * counts.
 * @throws EngineUnavailable
 */
export async function visibleHead(
  log: Pick<EventLog, 'read'>,
  head: Position,
  passed: readonly Position[],
): Promise<Position> {
  const topics = Object.entries(head).map(async ([topic, offsets]) => {
    const visible = offsets.map(async (end, partition) => {
      const at = Math.max(0, ...passed.map((position) => position[topic]?.[partition] ?? 0));
      if (at >= end) return end;
      const [next] = await log.read(topic, partition, at, 1);
      return next === undefined || next.offset >= end ? at : end;
    });
    return [topic, await Promise.all(visible)] as const;
  });
  return Object.fromEntries(await Promise.all(topics));
}
