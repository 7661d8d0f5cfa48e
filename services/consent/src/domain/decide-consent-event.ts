import {
  type EventFault,
  type OptedIn,
  type OptedOut,
  optOutRow,
  type OptOutWithdrawn,
  type OwnedBy,
  PAYER_CONTRACT,
  type PayerEvent,
  type ProviderOptedIn,
} from '@provider-access/events';
import { type OptInEvent, type OptOutEvent, reachOfEvent, targetsOfOptIn } from '@provider-access/domain/access';
import { dateRange, toInstant } from '@provider-access/fhir';
import type { PayerDays } from '@provider-access/domain/pdex/days';

/** What a receipt says about an opt-out that counts: it bars nobody here (N5, N6), or has no proof that holds (N9). */
export type ConsentNote = 'other-purpose' | 'other-payer' | 'no-proof';
export type ConsentStatement =
  | { readonly kind: 'opted-out'; readonly data: Omit<OptedOut, 'member'>; readonly note?: ConsentNote }
  | { readonly kind: 'opted-in'; readonly data: Omit<OptedIn, 'member'> }
  | { readonly kind: 'provider-opted-in'; readonly data: Omit<ProviderOptedIn, 'member'> }
  | { readonly kind: 'opt-out-withdrawn'; readonly data: Omit<OptOutWithdrawn, 'member'> }
  | { readonly kind: 'merged'; readonly members: readonly [string, string] };

/**
 * What is wrong with a valid opt-in; undefined if nothing is. A representative whose authority had ended when the
 * opt-in was stated speaks for nobody (N9). An opt-out of such a representative counts, because it gives no access.
 */
export function faultOfOptIn(event: PayerEvent, days: PayerDays): EventFault | undefined {
  if (event.type !== 'payer.member-opted-in.v2' || !isOutdated(event, days)) return undefined;
  const detail = 'data.proof.until: the authority had ended when the opt-in was stated';
  return { reason: 'invalid-data', detail };
}
/** Whether the authority of the proof had ended at the time of the event. It lasts through its last day. */
function isOutdated({ time, data }: OptInEvent | OptOutEvent, days: PayerDays): boolean {
  const until = 'proof' in data ? data.proof?.until : undefined;
  const end = until === undefined ? undefined : days.permitsUntil(until);
  return end !== undefined && end <= dateRange(time)!.start;
}

type NotOwn = Exclude<PayerEvent['type'], OwnedBy<'consent'>>;
/** Events whose outcome consent decides. */
export const isOwn = (type: string): boolean => PAYER_CONTRACT.definition(type)?.owner === 'consent';
/** Attribution decides a merge. Here it joins the statements of both ids. */
export const MERGED = 'payer.members-merged.v1';

/** What the payer's own settings decide. */
export interface ConsentRules {
  /** When a day of the payer begins. */
  readonly days: PayerDays;
  /** Whether an identifier names this payer; absent where nobody has said how it is named. */
  readonly isOurs?: ((payer: string) => boolean) | undefined;
}

/**
 * What a valid event of this service or a merge states. Pure. `appendedAt` is ms since the epoch.
 *
 * An opt-out takes effect from its date, else from its business time, and no later than its append, because a payer's
 * clock may run ahead. The business time of an opt-in is no later than its append, so that a clock that runs ahead
 * cannot make it overrule a later opt-out. An opt-in never takes effect before its append.
 */
export function decideConsentEvent(
  event: PayerEvent,
  appendedAt: number,
  { days, isOurs }: ConsentRules,
): ConsentStatement {
  const stated = dateRange(event.time)!.start;
  switch (event.type) {
    case 'payer.members-merged.v1':
      return { kind: 'merged', members: [event.subject!, event.data.from] };
    case 'payer.member-opted-in.v1':
    case 'payer.member-opted-in.v2': {
      const { effectiveFrom } = event.data;
      const effective =
        effectiveFrom === undefined ? appendedAt : Math.max(appendedAt, days.permitsFrom(effectiveFrom));
      const businessTime = toInstant(Math.min(stated, appendedAt));
      const data = { effective: toInstant(effective), businessTime, ...choiceOf(event) };
      const targets = targetsOfOptIn(event);
      return targets === undefined
        ? { kind: 'opted-in', data }
        : { kind: 'provider-opted-in', data: { ...data, targets: [...targets] } };
    }
    case 'payer.member-opted-out.v1':
    case 'payer.member-opted-out.v2': {
      const { effectiveFrom } = event.data;
      const effective = effectiveFrom === undefined ? Math.min(stated, appendedAt) : days.restrictsFrom(effectiveFrom);
      const { scope, targets, categories, bars } = reachOfEvent(event, isOurs);
      const note = noteOn(event, bars, days);
      const row = optOutRow(event);
      return {
        kind: 'opted-out',
        ...(note !== undefined && { note }),
        data: {
          scope,
          ...(targets !== undefined && { targets: [...targets] }),
          ...(categories !== undefined && { categories: [...categories] }),
          ...(bars !== undefined && { bars }),
          ...namedIn(event),
          ...(row !== undefined && { row }),
          effective: toInstant(effective),
          businessTime: toInstant(stated),
          ...choiceOf(event),
        },
      };
    }
    case 'payer.opt-out-withdrawn.v1': {
      // As an opt-in: never before its append, and not before the day of the file has begun everywhere.
      const { file } = event.data;
      const effective = toInstant(Math.max(appendedAt, days.permitsFrom(file.asOf)));
      const businessTime = toInstant(Math.min(stated, appendedAt));
      return { kind: 'opt-out-withdrawn', data: { row: optOutRow(event)!, effective, businessTime, file } };
    }
    default:
      // A new type of this service does not compile until it has a case.
      throw new TypeError(`${event.type satisfies NotOwn} says nothing about consent`);
  }
}

function noteOn(event: OptOutEvent, bars: 'nobody' | undefined, days: PayerDays): ConsentNote | undefined {
  const { type, data } = event;
  if (bars === 'nobody') return data.scope === 'payer-specific' ? 'other-payer' : 'other-purpose';
  const isUnproved =
    type.endsWith('.v2') && data.setBy === 'personal-representative' && (!('proof' in data) || isOutdated(event, days));
  return isUnproved ? 'no-proof' : undefined;
}

/** The purposes and payers as the payer stated them. */
function namedIn(event: OptOutEvent): Pick<OptedOut, 'purposes' | 'payers'> {
  if (event.type === 'payer.member-opted-out.v1') return {};
  const { purposes, payers } = event.data;
  return { ...(purposes !== undefined && { purposes }), ...(payers !== undefined && { payers }) };
}

/** PDex 2.2.0, CodeSystem opt-out-reason. */
const REASONS = [
  'privacy-concern',
  'data-security',
  'unknown-use',
  'provider-relationship',
  'member-choice',
  'other',
] as const;

/** Who said it, how and why. An opt-out of the first version had a reason that was not kept (N8). */
function choiceOf(event: OptInEvent | OptOutEvent): Omit<OptedIn, 'member' | 'effective' | 'businessTime'> {
  const { setBy, channel } = event.data;
  const { reason, proof, script, enteredBy } = event.type.endsWith('.v2')
    ? (event as Extract<typeof event, { type: `${string}.v2` }>).data
    : {};
  return {
    setBy,
    ...(channel !== undefined && { channel }),
    ...(reason !== undefined &&
      ((REASONS as readonly string[]).includes(reason) ? { reason } : { reason: 'other', reasonText: reason })),
    ...(proof !== undefined && { proof }),
    ...(script !== undefined && { script }),
    ...(enteredBy !== undefined && { enteredBy }),
  };
}
