import { type DomainEvent, fromStructured, MAX_IDENTITY } from '@provider-access/events';
import { isObject } from '@provider-access/fhir';
import {
  accept,
  attributesOf,
  DATA_NOT_JSON,
  type Incoming,
  inPlace,
  NOT_JSON,
  placeOfData,
} from '../src/reading/incoming.ts';

/** How a request read an event before a thread did: the oracle of `receiveLine`. */

/** A structured event (application/cloudevents+json) as text. */
export function fromText(index: number, text: string, receipt: string): Incoming {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { index, ok: false, ...NOT_JSON };
  }
  return fromObject(index, body, receipt, text);
}

/** A structured event that is already parsed, with its text if it came alone. */
export function fromObject(index: number, body: unknown, receipt: string, text?: string): Incoming {
  const read = fromStructured(body);
  if (!read.ok) {
    const id = isObject(body) ? body['id'] : undefined;
    return {
      index,
      ok: false,
      ...(typeof id === 'string' && id.length <= MAX_IDENTITY && { id }),
      reason: read.reason,
      detail: read.detail,
    };
  }
  const place = text === undefined ? undefined : placeOfData(text, body as Record<string, unknown>);
  const bytes = text === undefined ? undefined : Buffer.byteLength(text);
  return incoming(index, read.event, receipt, place && text!.slice(...place), bytes);
}

/** An event in binary mode: attributes in `ce-` headers, the body is the data. */
export function fromBinary(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  text: string,
  receipt: string,
): Incoming {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    return { index: 0, ok: false, ...DATA_NOT_JSON };
  }
  const read = fromStructured({ data, ...attributesOf(headers) });
  return read.ok
    ? incoming(0, read.event, receipt, text, Buffer.byteLength(text))
    : { index: 0, ok: false, reason: read.reason, detail: read.detail };
}

/** A JSON array of events. @throws SyntaxError or TypeError if it is none */
export function fromBatch(text: string, receipt: string): readonly Incoming[] {
  const body: unknown = JSON.parse(text);
  if (!Array.isArray(body)) throw new TypeError('a batch is an array');
  return body.map((event, index) => fromObject(index, event, receipt));
}

function incoming(
  index: number,
  event: DomainEvent,
  receipt: string,
  value: string | undefined,
  size: number | undefined,
): Incoming {
  const accepted = accept(event, receipt, value, size);
  return accepted.ok ? inPlace(accepted, index, Buffer.from(accepted.value)) : { index, ...accepted };
}
