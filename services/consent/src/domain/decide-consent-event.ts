import {
  type OptedIn,
  type OptedOut,
  optOutTargets,
  type PayerEvent,
  type PayerEventType,
} from '@provider-access/events';
import { dateRange, toInstant } from '@provider-access/kernel/fhir';
import type { PayerDays } from '@provider-access/domain/pdex/days';

export type ConsentStatement =
  | { readonly kind: 'opted-out'; readonly data: Omit<OptedOut, 'member'> }
  | { readonly kind: 'opted-in'; readonly data: Omit<OptedIn, 'member'> }
  | { readonly kind: 'merged'; readonly members: readonly [string, string] };

/** Events that consent decides the outcome of. */
export const CONSENT_TYPES = [
  'payer.member-opted-out.v1',
  'payer.member-opted-in.v1',
] as const satisfies readonly PayerEventType[];
/** Attribution's own; here it joins what both ids have said. */
export const MERGED = 'payer.members-merged.v1';
export const isOwn = (type: string): boolean => (CONSENT_TYPES as readonly string[]).includes(type);

/**
 * What a valid event of `CONSENT_TYPES` or a merge says. Pure. `appendedAt` is ms since the epoch; `days` tell when a
 * day begins that the payer wrote. An opt-out takes effect from its date, else when it was said, and never later than
 * it reached us because a payer's clock runs ahead. An opt-in counts as said when it reached us at the latest: a
 * payer's clock that runs ahead must not have it overrule an opt-out that was said after it. It never takes effect
 * before it reached us.
 */
export function decideConsentEvent(event: PayerEvent, appendedAt: number, days: PayerDays): ConsentStatement {
  const said = dateRange(event.time)!.start;
  switch (event.type) {
    case 'payer.members-merged.v1':
      return { kind: 'merged', members: [event.subject!, event.data.from] };
    case 'payer.member-opted-in.v1': {
      const { effectiveFrom, setBy, channel } = event.data;
      const effective =
        effectiveFrom === undefined ? appendedAt : Math.max(appendedAt, days.permitsFrom(effectiveFrom));
      const businessTime = toInstant(Math.min(said, appendedAt));
      return {
        kind: 'opted-in',
        data: { effective: toInstant(effective), businessTime, setBy, ...(channel !== undefined && { channel }) },
      };
    }
    case 'payer.member-opted-out.v1': {
      const { scope, targets, effectiveFrom, setBy, channel } = event.data;
      const effective = effectiveFrom === undefined ? Math.min(said, appendedAt) : days.restrictsFrom(effectiveFrom);
      const providers = optOutTargets(targets);
      return {
        kind: 'opted-out',
        data: {
          scope,
          ...(providers.length > 0 && { targets: providers }),
          effective: toInstant(effective),
          businessTime: toInstant(said),
          setBy,
          ...(channel !== undefined && { channel }),
        },
      };
    }
    default:
      throw new TypeError(`${event.type} says nothing about consent`);
  }
}
