import { decodeEvent, PAYER_CONTRACT, type PayerEvent } from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';
import { takeParsed } from '@provider-access/intake/received';
import { readConsent } from '@provider-access/domain/pdex';

/**
 * The opt-out or opt-in that a stored event states. A FHIR Consent that denies is an opt-out. Undefined for an event
 * that cannot be read.
 */
export function statedBy(record: NewRecord): PayerEvent | undefined {
  const decoded = decodeEvent(record, takeParsed(record));
  const read = decoded.ok ? PAYER_CONTRACT.read(decoded.event) : undefined;
  if (read?.ok !== true) return undefined;
  const { event } = read;
  if (event.type !== 'payer.resource-recorded.v1') return event;
  // Only the consent service knows in which time zone a day ends. Treat a denial as endless here, so that none is
  // missed.
  const reading = readConsent(event.data.resource, 0);
  if (reading.kind === 'none') return undefined;
  const { scope, targets = [], setBy } = reading;
  return {
    ...event,
    type: 'payer.member-opted-out.v1',
    data: { scope, setBy, targets: targets.map((target) => ({ ...target })) },
  };
}
