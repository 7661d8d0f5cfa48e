import { randomBytes, randomUUID } from 'node:crypto';
import {
  type DeadLetterDiscarded,
  type DeadLetterReplayed,
  decodeEvent,
  type DomainEvent,
  encodeEvent,
  type EventParked,
  fromStructured,
  PAYER_CONTRACT,
} from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { base32, instant, Refusal } from '@provider-access/kernel';
import type { ServicePorts } from '@provider-access/service/http';
import { checkCorrection } from './check-correction.ts';
import type { ViewReader } from '@provider-access/engines/views';
import type { DeadLetterPart } from '../../projections/dead-letters.ts';
import { endOf } from '../events/append-events.ts';
import { encodedData, MAX_EVENT_BYTES } from '../../reading/incoming.ts';
import { expectEvents } from '../receipts/expected.ts';

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
  const { record, topic, event } =
    body === undefined || body === null ? again(original, extensions) : corrected(original, body, extensions);
  if (Buffer.byteLength(record.value as string) > MAX_EVENT_BYTES)
    throw new Refusal('too-large', `An event may have at most ${MAX_EVENT_BYTES} bytes.`);
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

interface Again {
  readonly record: NewRecord;
  readonly topic: string;
  readonly event: string;
}

function again(original: EventParked, extensions: Record<string, string>): Again {
  const decoded = decodeEvent({ headers: original.headers, value: Buffer.from(original.value, 'base64') });
  if (!decoded.ok)
    throw new Refusal(
      'invalid-request',
      'The original is not a readable CloudEvent: send the corrected event with the replay.',
    );
  return encoded(decoded.event, extensions, original.topic);
}

function corrected(original: EventParked, body: unknown, extensions: Record<string, string>): Again {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new Refusal(
      'invalid-request',
      'The body must be the corrected CloudEvent, or the corrected data of the event, as a JSON object.',
    );
  if ('specversion' in body) {
    const read = fromStructured(body);
    if (!read.ok) throw new Refusal('invalid-request', `The corrected event is not a CloudEvent: ${read.detail}.`);
    checkCorrection(original, read.event);
    return encoded(read.event, extensions, original.topic);
  }
  const { headers: h } = original;
  if (
    h['ce_id'] === undefined ||
    h['ce_type'] === undefined ||
    h['ce_source'] === undefined ||
    h['ce_time'] === undefined
  )
    throw new Refusal('invalid-request', 'The original has no readable envelope: send the whole corrected CloudEvent.');
  const event: DomainEvent = {
    id: h['ce_id'],
    type: h['ce_type'],
    source: h['ce_source'],
    time: h['ce_time'],
    data: body,
    ...(h['ce_subject'] !== undefined && { subject: h['ce_subject'] }),
    ...(h['traceparent'] !== undefined && { traceparent: h['traceparent'] }),
  };
  checkCorrection(original, event);
  return encoded(event, extensions, original.topic);
}

function encoded(event: DomainEvent, extensions: Record<string, string>, topic: string): Again {
  if (encodedData(event.data) === undefined)
    throw new Refusal(
      'invalid-request',
      'The data of the event is nested too deeply to be sent again: send the event with corrected data, or discard it.',
    );
  return {
    record: encodeEvent({ ...event, extensions: { ...event.extensions, ...extensions } }),
    topic: PAYER_CONTRACT.definition(event.type)?.topic ?? topic,
    event: event.id,
  };
}
