import {
  decodeEvent,
  type DomainEvent,
  encodeEvent,
  type EventParked,
  fromStructured,
  PAYER_CONTRACT,
} from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { Refusal } from '@provider-access/kernel';
import { encodedData, MAX_EVENT_BYTES } from '../../reading/incoming.ts';
import { checkCorrection } from './check-correction.ts';

/** The event that a replay appends. */
export interface Again {
  readonly record: NewRecord & { readonly value: string };
  readonly topic: string;
  readonly event: string;
}

/**
 * The event of a dead letter as a replay sends it: as it was, or the corrected one, or the original envelope with
 * corrected data.
 * @param body a CloudEvent, or the data of the event; undefined for the event as it was
 * @throws Refusal when the corrected event has another type or subject than the original
 */
export function replayedEvent(original: EventParked, body: unknown, extensions: Record<string, string>): Again {
  const sent =
    body === undefined || body === null ? again(original, extensions) : corrected(original, body, extensions);
  if (Buffer.byteLength(sent.record.value) > MAX_EVENT_BYTES)
    throw new Refusal('too-large', `An event may have at most ${MAX_EVENT_BYTES} bytes.`);
  return sent;
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
    record: textRecord(encodeEvent({ ...event, extensions: { ...event.extensions, ...extensions } })),
    topic: PAYER_CONTRACT.definition(event.type)?.topic ?? topic,
    event: event.id,
  };
}

/** `encodeEvent` writes JSON. */
const textRecord = (record: NewRecord): Again['record'] => ({ ...record, value: record.value as string });
