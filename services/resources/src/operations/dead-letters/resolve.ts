import { randomBytes, randomUUID } from 'node:crypto';
import {
  type DeadLetterDiscarded,
  type DeadLetterReplayed,
  encodeEvent,
  type EventParked,
} from '@provider-access/events';
import { base32, instant, Refusal } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import type { ViewReader } from '@provider-access/engines/views';
import type { DeadLetterPart } from '../../projections/dead-letters.ts';
import { endOf } from '../events/append-events.ts';
import { expectEvents } from '../receipts/expected.ts';
import { replayedEvent } from './replayed-event.ts';

const VIEW_PATIENCE_MS = 5_000;
interface Letter {
  readonly id: string;
  readonly letter: DeadLetterPart;
  readonly by: string;
}

/**
 * Appends the event (or the corrected one, or the original envelope with corrected data) to its topic with
 * `pareplayof`, then records on the dead letter where the event is now. After a crash in between the dead letter is
 * still open; a second replay changes nothing, because it has the same event id.
 * @throws Refusal when the corrected event has another type or subject than the original
 */
export async function replay(
  ports: ServicePorts,
  view: ViewReader,
  input: Letter & { readonly original: EventParked; readonly body: unknown },
): Promise<unknown> {
  const { id, letter, original, body, by } = input;
  const receipt = `r-${base32(randomBytes(16))}`;
  const extensions = { pareplayof: id, paattempt: String(letter.attempt + 1), pareceipt: receipt };
  const { record, topic, event } = replayedEvent(original, body, extensions);
  const [appended] = await ports.log.append(topic, [record]);
  await expectEvents(ports, receipt, 1);
  const place = { topic, partition: appended!.partition, offset: appended!.offset };
  const data: DeadLetterReplayed = {
    deadLetter: id,
    by,
    corrected: body !== undefined && body !== null,
    event,
    at: instant(ports.clock.now()),
    place,
  };
  await note(ports, view, letter, 'pa.dead-letter-replayed.v1', id, data);
  return { id, status: 'replayed', event, receipt };
}

export async function discard(
  ports: ServicePorts,
  view: ViewReader,
  { id, letter, by, reason }: Letter & { readonly reason: string },
): Promise<unknown> {
  const data: DeadLetterDiscarded = { deadLetter: id, by, reason, at: instant(ports.clock.now()) };
  await note(ports, view, letter, 'pa.dead-letter-discarded.v1', id, data);
  return { id, status: 'discarded' };
}

/** Records the resolution, and waits until the next request sees it. */
async function note(
  ports: ServicePorts,
  view: ViewReader,
  letter: DeadLetterPart,
  type: string,
  id: string,
  data: DeadLetterReplayed | DeadLetterDiscarded,
): Promise<void> {
  const { topic } = letter.place;
  const [appended] = await ports.log.append(topic, [
    encodeEvent({ id: randomUUID(), source: '/resources', type, time: data.at, subject: id, data }),
  ]);
  if (!(await view.waitFor({ [topic]: endOf([appended]) }, VIEW_PATIENCE_MS)))
    throw new Refusal('unavailable', 'The change is stored, but not visible yet. Read the dead letter again.', {
      retryAfter: 2,
    });
}
