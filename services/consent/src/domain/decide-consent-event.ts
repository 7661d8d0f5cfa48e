import { type DomainEvent, type MemberOptedIn, type MemberOptedOut, type MembersMerged, type OptedIn, type OptedOut, payerEvent, providerKeys } from '@provider-access/events';
import { checkInbound, type InboundFault } from '@provider-access/facts';
import { dateRange, toInstant } from '@provider-access/fhir';

export type ConsentStatement =
  | { readonly kind: 'opted-out'; readonly data: Omit<OptedOut, 'member'> }
  | { readonly kind: 'opted-in'; readonly data: Omit<OptedIn, 'member'> }
  | { readonly kind: 'merged'; readonly members: readonly [string, string] };
export type ConsentDecision = { readonly ok: true; readonly statement: ConsentStatement } | { readonly ok: false; readonly fault: InboundFault };

/** Events that consent decides the outcome of. */
export const CONSENT_TYPES = ['payer.member-opted-out.v1', 'payer.member-opted-in.v1'] as const;
/** Attribution's own; here it joins what both ids have said. */
export const MERGED = 'payer.members-merged.v1';
export const isOwn = (type: string): boolean => (CONSENT_TYPES as readonly string[]).includes(type);

const startOf = (value: string): number => dateRange(value)!.start;

/**
 * Pure. `now` and `appendedAt` are ms since the epoch. An opt-out takes effect from its date (a day is a UTC day, from its
 * first moment), else when it was said, and never later than it reached us because a payer's clock runs ahead. An
 * opt-in never takes effect before it was said.
 */
export function decideConsentEvent(event: DomainEvent, now: number, appendedAt: number): ConsentDecision {
  const checked = checkInbound(event, payerEvent(event.type)!.schema, now);
  if (!checked.ok) return checked;
  const said = startOf(event.time);
  const businessTime = toInstant(said);
  if (event.type === MERGED) {
    const { from } = checked.data as MembersMerged;
    return { ok: true, statement: { kind: 'merged', members: [event.subject!, from] } };
  }
  if (event.type === 'payer.member-opted-in.v1') {
    const { effectiveFrom, setBy, channel } = checked.data as MemberOptedIn;
    const effective = effectiveFrom === undefined ? said : Math.max(said, startOf(effectiveFrom));
    return { ok: true, statement: { kind: 'opted-in', data: { effective: toInstant(effective), businessTime, setBy, ...(channel !== undefined && { channel }) } } };
  }
  const { scope, targets, effectiveFrom, setBy, channel } = checked.data as MemberOptedOut;
  const effective = effectiveFrom === undefined ? Math.min(said, appendedAt) : startOf(effectiveFrom);
  const providers = targets?.flatMap((t) => providerKeys(t));
  return {
    ok: true,
    statement: { kind: 'opted-out', data: { scope, ...(providers !== undefined && providers.length > 0 && { targets: providers }), effective: toInstant(effective), businessTime, setBy, ...(channel !== undefined && { channel }) } },
  };
}
