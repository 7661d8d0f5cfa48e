/**
 * The events of all members mixed, each event as likely as any other one to be the next. The order looks random and is
 * the same each time. The events of one member keep their order.
 */
export function inRandomOrder<Event extends { readonly subject?: string | undefined }>(
  events: readonly Event[],
): readonly Event[] {
  const queues = [...Map.groupBy(events, ({ subject }) => subject).values()];
  const turns = queues.flatMap((queue) => queue.map(() => queue));
  const next = new Map(queues.map((queue) => [queue, queue.values()]));
  let state = 42;
  for (let last = turns.length - 1; last > 0; last--) {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    const other = Math.floor((state / 2 ** 31) * (last + 1));
    [turns[last], turns[other]] = [turns[other]!, turns[last]!];
  }
  return turns.map((queue) => next.get(queue)!.next().value!);
}
