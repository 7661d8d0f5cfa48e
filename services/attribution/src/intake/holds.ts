import {
  type AccessHeld,
  type AccessReleased,
  PA_ATTRIBUTION,
  PA_PROVIDERS,
  PAYER_CONTRACT,
  PAYER_EVENTS,
} from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { UnreadableConsent } from '@provider-access/service/config';
import {
  type AccessRole,
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
import { COVERAGES, isDecidedHere, isOwn, RESOURCE_TYPES } from '../domain/decide-member-event.ts';
import type { AttributionConfig } from '../config.ts';

export const DERIVER = 'attribution';

/**
 * Whom a dead letter denies, by `denies` of its type: its member, or both ids of a merge; or its providers; everybody
 * or its whole source, if neither can be read. undefined for an event that denies nobody.
 */
const holdsBy =
  (unreadable: UnreadableConsent) =>
  (record: LogRecord, { event, type }: Inbound, deadLetter: string): Hold | undefined => {
    const denies = type === undefined ? undefined : PAYER_CONTRACT.definition(type)?.denies;
    if (type === undefined || denies === undefined || denies === 'nobody') return undefined;
    const concerns = concerned(record, event);
    const about = { deadLetter, eventType: type };
    if (denies === 'source') {
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

/** The event of a hold. pa.providers is compacted, so it has a key of its own there, beside the provider's status. */
function outputOf(
  hold: AccessHeld,
  at: string,
  what: 'hold' | 'release',
  event: { readonly type: string; readonly data: AccessHeld | AccessReleased; readonly n?: number },
): readonly Output[] {
  const subject = hold.member ?? hold.providers?.[0];
  const cause = { id: hold.deadLetter, source: hold.source };
  const record = derivedRecord({ deriver: DERIVER, ...(subject !== undefined && { subject }), cause, at, ...event });
  return hold.providers === undefined
    ? [{ topic: PA_ATTRIBUTION, record }]
    : [{ topic: PA_PROVIDERS, record: { ...record, key: `${what}/${hold.deadLetter}` } }];
}

/** What the intakes of member events and of provider events share. */
export const sharedRole = ({ unreadableConsent, sandbox }: Pick<AttributionConfig, 'unreadableConsent' | 'sandbox'>) =>
  ({
    deriver: DERIVER,
    interest: {
      types: new Set([...Object.keys(PAYER_EVENTS).filter(isOwn), ...RESOURCE_TYPES]),
      strays: 'passed',
      resources: COVERAGES,
      sandbox,
    },
    reports: isOwn,
    // A Coverage too, under the name that the resources service would give it, because operators must find and resolve
    // what is held. In the topic of providers, it may have ended access as in its own topic.
    refuses: (_record, { type }) => isDecidedHere(type),
    holdOf: holdsBy(unreadableConsent),
    /** The event that holds access until a dead letter is resolved. `at` is an RFC 3339 instant. */
    hold: async (hold, at) => outputOf(hold, at, 'hold', { type: 'pa.access-held.v1', data: hold }),
    /** The event that ends such a hold. */
    release: async (hold, at) => {
      const { eventType: _, ...data } = hold;
      return outputOf(hold, at, 'release', { type: 'pa.access-released.v1', data, n: 1 });
    },
  }) satisfies Partial<AccessRole>;
