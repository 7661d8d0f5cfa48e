import type { EventLog, Position } from '@provider-access/engines/log';

/**
 * The heads that a reader can reach. A payer's transactions leave markers and aborted records at the end of a
 * partition, and retention may have removed everything in it. If no readable record lies between a deriver's position
 * and the head, the deriver's position is the head. `passed` are positions of any derivers of these topics; the
 * furthest counts.
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
