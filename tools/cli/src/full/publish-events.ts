import { type DomainEvent, toStructured } from '@provider-access/events';
import { publish, type PublishReport } from '../client/publish.ts';
import type { Item } from '../client/sources.ts';
import { CliError, EXIT } from '../output.ts';
import type { Platform } from './plan.ts';

async function* itemsOf(events: AsyncIterable<DomainEvent> | Iterable<DomainEvent>): AsyncGenerator<Item> {
  for await (const event of events)
    yield { ok: true, line: JSON.stringify(toStructured(event)), event: event.id, about: event.subject ?? event.id };
}

/**
 * Publishes events, and waits until the platform has decided each of them.
 * @throws CliError if one was refused, became a dead letter, or is not decided yet: the import is not complete then
 */
export async function publishAll(
  { server, token }: Platform,
  events: AsyncIterable<DomainEvent> | Iterable<DomainEvent>,
  onProgress: (accepted: number) => void = () => undefined,
): Promise<PublishReport> {
  const report = await publish(itemsOf(events), { server, token, onProgress: ({ accepted }) => onProgress(accepted) });
  const { refused, parked, outcomes } = report;
  const [first] = refused;
  if (first !== undefined)
    throw new CliError(
      EXIT.refused,
      `The platform refused ${refused.length} rows, the first because: ${first.reason}. The import is not complete.`,
    );
  if ((outcomes['parked'] ?? 0) > 0)
    throw new CliError(
      EXIT.refused,
      `${outcomes['parked']} rows became dead letters, the first ${parked[0]?.deadLetter}: ${parked[0]?.reason}. ` +
        'The import is not complete.',
    );
  if ((outcomes['pending'] ?? 0) > 0)
    throw new CliError(
      EXIT.unavailable,
      `The platform has not decided ${outcomes['pending']} rows yet, so the import is not complete. Run the same ` +
        'command again: it publishes what is missing.',
    );
  return report;
}
