import {
  type DomainEvent,
  fileRowOf,
  type NetworkStatusRecorded,
  type PayerEvent,
  providerKeys,
} from '@provider-access/events';
import { toInstant } from '@provider-access/fhir';
import type { PayerDays } from '@provider-access/domain/pdex/days';
import { instantOf } from './dates.ts';
import type { NETWORK_STATUS } from './decide-member-event.ts';

export type NetworkStatusChanged = DomainEvent & Extract<PayerEvent, { type: typeof NETWORK_STATUS }>;

/** What an event says about the network status, for each identifier that it names. Pure. */
export function networkChanges(event: NetworkStatusChanged, days: PayerDays): readonly NetworkStatusRecorded[] {
  const { status, from, file, absent } = event.data;
  const begins = status === 'in-network' ? days.permitsFrom(from) : days.restrictsFrom(from);
  const identity = providerKeys(event.data);
  return identity.map((provider) => {
    const joined = identity.filter((other) => other !== provider);
    return {
      provider,
      status,
      from: toInstant(begins),
      businessTime: instantOf(event.time),
      ...(joined.length > 0 && { with: joined }),
      ...(file !== undefined && { file, row: fileRowOf(event)!.key }),
      ...(absent === true && { absent }),
    };
  });
}
