import { type AccessHeld, type AccessReleased, PA_ATTRIBUTION, PA_PROVIDERS } from '@provider-access/events';
import type { LogRecord, NewRecord } from '@provider-access/engines/log';
import type { UnreadableConsent } from '@provider-access/service/config';
import {
  brokenMerge,
  concerned,
  derivedRecord,
  type Hold,
  holdOf,
  identifiersOf,
  idMeant,
  type Inbound,
  matterOf,
  MERGED,
  type Output,
} from '@provider-access/intake';
import { deniesWhenUnreadable, NETWORK_STATUS } from '../domain/decide-member-event.ts';

export const DERIVER = 'attribution';

/**
 * Whom a dead letter denies: its member, or both ids of a merge; its providers, if it is about a network status (it may
 * state that they left); everybody or its whole source, if neither can be read. undefined for an event that can only
 * have given access.
 */
export const holdsBy =
  (unreadable: UnreadableConsent) =>
  (record: LogRecord, { event, type }: Inbound, deadLetter: string): Hold | undefined => {
    if (type === undefined || !deniesWhenUnreadable(type)) return undefined;
    const concerns = concerned(record, event);
    const about = { deadLetter, eventType: type };
    if (type === NETWORK_STATUS) {
      const providers = identifiersOf(event?.data, concerns.member);
      return { ...about, source: concerns.source, ...(providers.length > 0 && { providers: [...providers] }) };
    }
    if (type !== MERGED)
      return { ...about, ...holdOf(matterOf(type, concerns.member, event?.data).names, concerns.source, unreadable) };
    // Either id of a merge may belong to the member who opted out. So each id that can be understood is held.
    const subject = concerns.member ?? idMeant(event?.subject ?? record.headers['ce_subject']);
    const { names } = matterOf(type, subject, event?.data ?? brokenMerge(record));
    return { ...about, ...holdOf(names, concerns.source, unreadable) };
  };

const isOfProviders = (hold: AccessHeld): boolean => hold.providers !== undefined;

const common = (hold: AccessHeld) => {
  const subject = hold.member ?? hold.providers?.[0];
  return {
    deriver: DERIVER,
    ...(subject !== undefined && { subject }),
    cause: { id: hold.deadLetter, source: hold.source },
  };
};
/** pa.providers is compacted, so a hold and its release have a key of their own beside the provider's status. */
const keyed = (record: NewRecord, hold: AccessHeld, what: 'hold' | 'release'): NewRecord =>
  isOfProviders(hold) ? { ...record, key: `${what}/${hold.deadLetter}` } : record;
const outputOf = (hold: AccessHeld, record: NewRecord): readonly Output[] => [
  { topic: isOfProviders(hold) ? PA_PROVIDERS : PA_ATTRIBUTION, record },
];

/** The event that holds access until a dead letter is resolved. `at` is an RFC 3339 instant. */
export async function heldOutputs(hold: AccessHeld, at: string): Promise<readonly Output[]> {
  return outputOf(
    hold,
    keyed(derivedRecord({ ...common(hold), type: 'pa.access-held.v1', at, data: hold }), hold, 'hold'),
  );
}
/** The event that ends such a hold. `at` is an RFC 3339 instant. */
export async function releasedOutputs(hold: AccessHeld, at: string): Promise<readonly Output[]> {
  const { eventType: _, ...data } = hold;
  const record = derivedRecord({
    ...common(hold),
    type: 'pa.access-released.v1',
    at,
    data: data satisfies AccessReleased,
    n: 1,
  });
  return outputOf(hold, keyed(record, hold, 'release'));
}
