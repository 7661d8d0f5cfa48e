import {
  type OptedIn,
  type OptedOut,
  optOutTargets,
  type OwnedBy,
  PAYER_CONTRACT,
  type PayerEvent,
} from '@provider-access/events';
import { dateRange, toInstant } from '@provider-access/fhir';
import type { PayerDays } from '@provider-access/domain/pdex/days';

export type ConsentStatement =
  | { readonly kind: 'opted-out'; readonly data: Omit<OptedOut, 'member'> }
  | { readonly kind: 'opted-in'; readonly data: Omit<OptedIn, 'member'> }
  | { readonly kind: 'merged'; readonly members: readonly [string, string] };

type NotOwn = Exclude<PayerEvent['type'], OwnedBy<'consent'>>;
/** Events whose outcome consent decides. */
export const isOwn = (type: string): boolean => PAYER_CONTRACT.definition(type)?.owner === 'consent';
/** Attribution decides a merge. Here it joins the statements of both ids. */
export const MERGED = 'payer.members-merged.v1';

/**
 * What a valid event of this service or a merge states. Pure. `appendedAt` is ms since the epoch; `days` tell when a
 * day of the payer begins.
 *
 * An opt-out takes effect from its date, else from its business time, and no later than its append, because a payer's
 * clock may run ahead. The business time of an opt-in is no later than its append, so that a clock that runs ahead
 * cannot make it overrule a later opt-out. An opt-in never takes effect before its append.
 */
export function decideConsentEvent(event: PayerEvent, appendedAt: number, days: PayerDays): ConsentStatement {
  const stated = dateRange(event.time)!.start;
  switch (event.type) {
    case 'payer.members-merged.v1':
      return { kind: 'merged', members: [event.subject!, event.data.from] };
    case 'payer.member-opted-in.v1': {
      const { effectiveFrom, setBy, channel } = event.data;
      const effective =
        effectiveFrom === undefined ? appendedAt : Math.max(appendedAt, days.permitsFrom(effectiveFrom));
      const businessTime = toInstant(Math.min(stated, appendedAt));
      return {
        kind: 'opted-in',
        data: { effective: toInstant(effective), businessTime, setBy, ...(channel !== undefined && { channel }) },
      };
    }
    case 'payer.member-opted-out.v1': {
      const { scope, targets, effectiveFrom, setBy, channel } = event.data;
      const effective = effectiveFrom === undefined ? Math.min(stated, appendedAt) : days.restrictsFrom(effectiveFrom);
      const providers = optOutTargets(targets);
      return {
        kind: 'opted-out',
        data: {
          scope,
          ...(providers.length > 0 && { targets: providers }),
          effective: toInstant(effective),
          businessTime: toInstant(stated),
          setBy,
          ...(channel !== undefined && { channel }),
        },
      };
    }
    default:
      // A new type of this service does not compile until it has a case.
      throw new TypeError(`${event.type satisfies NotOwn} says nothing about consent`);
  }
}
