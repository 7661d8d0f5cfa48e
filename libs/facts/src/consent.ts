import {
  isInCategory,
  isOptInEvent,
  isOptOutEvent,
  type OptOutFact,
  type PartyFacts,
  reachOfEvent,
  targetsOfOptIn,
} from '@provider-access/domain/access';
import {
  dataOf,
  type OptedOut,
  type OptOutWithdrawn,
  optOutRow,
  type PayerEvent,
  type ProviderKey,
  type ProviderOptedIn,
} from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { type Holds, holdsAfter, withHolds } from './holds.ts';
import { heardFrom, originOf, typeOfRecord, withSource } from './record.ts';
import {
  barsAllOf,
  deciding,
  endOf,
  ends,
  folded,
  HISTORY,
  isLater,
  isOptOut,
  isAboutAllOf,
  isSame,
  isWithdrawal,
  latestBefore,
  namedBy,
  type OptIn,
  type OptOut,
  partsOf,
  payersId,
  statementOf,
  type Statements,
} from './statements.ts';

/** Part `consent` of the member facts, from pa.consent. */
export interface ConsentPart {
  readonly outs?: readonly OptOut[];
  readonly ins?: readonly OptIn[];
  /** Opt-ins for some providers, apart, because a release that does not know them must not take them for all. */
  readonly providerIns?: readonly OptIn[];
  /** What sources of full files took back, apart, because an older release must not take it for opt-ins. */
  readonly withdrawals?: readonly OptIn[];
  /** When the newest statement was recorded, dropped ones included. No decision is made for an earlier instant. */
  readonly at?: string;
  /** Set when a statement or an ended hold was dropped: before this instant the part is incomplete. */
  readonly since?: string;
  readonly holds?: Holds;
  readonly sources: readonly string[];
}

/** All statements of a part. */
function statementsOf(part: ConsentPart | undefined): Statements {
  const { outs = [], ins = [], providerIns = [], withdrawals = [] } = part ?? {};
  const isPlain = providerIns.length === 0 && withdrawals.length === 0;
  return { outs, ins: isPlain ? ins : [...ins, ...providerIns, ...withdrawals] };
}

/** undefined if the event changes nothing. */
export const evolveConsent = (part: ConsentPart | undefined, record: LogRecord): ConsentPart | undefined =>
  heardFrom(part, fold(part, record), record, { sources: [] });

function fold(part: ConsentPart | undefined, record: LogRecord): ConsentPart | undefined {
  const origin = originOf(record);
  switch (typeOfRecord(record)) {
    case 'pa.opted-out.v1': {
      const out = statementOf(dataOf<OptedOut>(record), origin) as OptOut;
      return part?.outs?.some((o) => isSame(o, out))
        ? undefined
        : withStatement(part, record, out, { outs: [out], ins: [] });
    }
    case 'pa.opted-in.v1':
    case 'pa.opt-out-withdrawn.v1':
    case 'pa.provider-opted-in.v1': {
      const back = statementOf(dataOf<ProviderOptedIn | OptOutWithdrawn>(record), origin);
      return statementsOf(part).ins.some((i) => isSame(i, back))
        ? undefined
        : withStatement(part, record, back, { outs: [], ins: [back] });
    }
    default: {
      const holds = holdsAfter(part?.holds, record);
      return holds && holds !== part?.holds
        ? { ...part, ...withHolds(part, holds), sources: withSource(part?.sources, record) }
        : undefined;
    }
  }
}

/** The part with one more statement, and without statements that can never decide again. */
function withStatement(
  part: ConsentPart | undefined,
  record: LogRecord,
  added: OptIn,
  { outs, ins }: Statements,
): ConsentPart {
  const before = statementsOf(part);
  const all = { outs: [...before.outs, ...outs], ins: [...before.ins, ...ins] };
  const at = newest(
    [...all.outs, ...all.ins].map((s) => s.recordedAt).concat(part?.at ?? [], record.headers['ce_time'] ?? []),
  );
  const kept = folded(all, at, HISTORY, added);
  const less = kept.outs.length + kept.ins.length < all.outs.length + all.ins.length;
  return {
    ...part,
    sources: withSource(part?.sources, record),
    at,
    ...(all.outs.length > 0 && { outs: kept.outs }),
    ...insIn(kept.ins, part, all.ins.length > 0),
    ...(less && { since: at }),
  };
}
/** Opt-ins, and what is like them, as the three lists of a part. */
function insIn(
  all: readonly OptIn[],
  part: ConsentPart | undefined,
  isSaid: boolean,
): Pick<ConsentPart, 'ins' | 'providerIns' | 'withdrawals'> {
  const ins = all.filter(({ targets, row }) => targets === undefined && row === undefined);
  const providerIns = all.filter(({ targets }) => targets !== undefined);
  const withdrawals = all.filter(isWithdrawal);
  return {
    ...((ins.length > 0 || part?.ins !== undefined || (isSaid && ins.length === all.length)) && { ins }),
    ...((providerIns.length > 0 || part?.providerIns !== undefined) && { providerIns }),
    ...((withdrawals.length > 0 || part?.withdrawals !== undefined) && { withdrawals }),
  };
}
const newest = (instants: readonly string[]): string => instants.reduce((a, b) => (a > b ? a : b));

/**
 * An opt-in ends every opt-out with an earlier business time (a tie denies), from the later of the two effective times.
 * An opt-out with a later business time than an opt-in stands, even if it takes effect earlier. The order of delivery
 * does not matter.
 */
export function optOutFacts(part: ConsentPart | undefined): OptOutFact[] {
  const out: OptOutFact[] = [];
  const { outs, ins } = statementsOf(part);
  for (const o of outs) {
    for (const { targets, end } of partsOf(o, ins)) {
      if (end !== undefined && end.to === o.from) continue;
      const { businessTime: _businessTime, row: _row, statedAt: _statedAt, ...fact } = o;
      out.push({
        ...fact,
        ...(targets !== undefined && { targets }),
        ...(end !== undefined && { to: end.to, endRecordedAt: end.by.recordedAt }),
      });
    }
  }
  return out;
}

/**
 * Whether a statement is new to the part: the part has no equal statement, and none that decides everything that this
 * statement decides.
 */
export function isNews(part: ConsentPart | undefined, statement: OptIn | OptOut): boolean {
  const { outs, ins } = statementsOf(part);
  const at = part?.at ?? '';
  const known: readonly OptIn[] = isOptOut(statement) ? outs : ins;
  if (known.some((s) => isSame(s, statement))) return false;
  const all = isOptOut(statement) ? { outs: [...outs, statement], ins } : { outs, ins: [...ins, statement] };
  return deciding(all, at).has(statement);
}

const FOREVER = '9999-12-31T23:59:59.999Z';
const DAY_MS = 24 * 3600_000;
/** What a stored opt-out or opt-in does, and which statement overrules it. Ids are those of the payer's events. */
export type ConsentEffect =
  /** `bars: 0`: an opt-out that bars none of the providers to whom the member is attributed now (N13). */
  | { readonly status: 'effective'; readonly bars?: 0 }
  /** It takes effect at this RFC 3339 instant, which is in the future. */
  | { readonly status: 'scheduled'; readonly from: string }
  | { readonly status: 'superseded'; readonly by: string };

/** What an answer needs beside the statements of the member. */
export interface EffectOptions {
  /** When it is asked, ms since the epoch. */
  readonly now: number;
  /** The event of the payer. If the facts dropped its statement, it tells which other statement decides instead. */
  readonly payerEvent?: PayerEvent | undefined;
  /** An opt-out that names a provider by another identifier than an opt-in still bars that provider. */
  readonly identity: PartyFacts['identity'];
  /** An opt-out for a category bars a provider in it, and one of whom no specialty is known (N7). */
  readonly specialties?: PartyFacts['specialties'];
}
/**
 * What one statement does, given everything that is known about the member; undefined if the statement is unknown.
 * `event` is the id of our own event (`derivedEventId`).
 */
export function consentEffect(
  part: ConsentPart | undefined,
  event: string,
  options: EffectOptions,
): ConsentEffect | undefined {
  const { now, payerEvent } = options;
  const { outs, ins } = statementsOf(part);
  const out = outs.find((o) => o.event === event);
  if (out !== undefined) return effectOfOptOut(out, ins, now);
  const back = ins.find((i) => i.event === event);
  if (back !== undefined && isWithdrawal(back)) return whenIn(back.from, now);
  if (back !== undefined) return effectOfOptIn(back, { outs, ins }, options) ?? whenIn(back.from, now);
  const unrecorded = { event, from: '', recordedAt: '' };
  if (payerEvent !== undefined && isOptOutEvent(payerEvent)) {
    // Only the consent service knows how this payer is named, so an opt-out of another payer counts as one of all.
    const row = optOutRow(payerEvent);
    const dropped: OptOut = {
      ...unrecorded,
      // When it was recorded is unknown. So a withdrawal with its business time does not count as later.
      ...(row !== undefined && { row, recordedAt: FOREVER }),
      businessTime: asBusinessTime(payerEvent.time),
      ...reachOfEvent(payerEvent),
    };
    const end = endOf(dropped, ins);
    if (end !== undefined && Date.parse(end.by.from) <= now)
      return { status: 'superseded', by: payersId(end.by.event) };
    const inPlace = firstToApply(
      outs.filter(
        (o) => isLater(o, dropped) && barsAllOf(o, dropped) && Date.parse(endOf(o, ins)?.to ?? FOREVER) > now,
      ),
    );
    if (inPlace !== undefined) return effectOfOptOut(inPlace, ins, now);
    return end && { status: 'superseded', by: payersId(end.by.event) };
  }
  if (payerEvent !== undefined && isOptInEvent(payerEvent)) {
    // The payer's clock may run ahead. So the business time of a dropped opt-in counts as no later than that of the
    // opt-in that decides instead.
    const { effectiveFrom } = payerEvent.data;
    const isAhead = effectiveFrom !== undefined && latestStart(effectiveFrom) > now;
    const targets = targetsOfOptIn(payerEvent);
    const about = targets === undefined ? {} : { targets };
    const applicable = ins.filter(
      (i) => !isWithdrawal(i) && (isAhead || Date.parse(i.from) <= now) && isAboutAllOf(i, about),
    );
    if (applicable.length === 0) return undefined;
    const dropped: OptIn = {
      ...unrecorded,
      ...about,
      businessTime: asBusinessTime(payerEvent.time, Math.max(...applicable.map((i) => latestBefore(i, event)))),
    };
    return (
      effectOfOptIn(dropped, { outs, ins }, options) ??
      whenIn(firstToApply(applicable.filter((i) => isLater(i, dropped)))!.from, now)
    );
  }
  return undefined;
}

/**
 * ms since the epoch at which a payer's effective time has begun in every time zone. A day begins in the latest of the
 * payer's time zones, at most twelve hours after its beginning in UTC. An instant is the same everywhere.
 */
const latestStart = (time: string): number => Date.parse(time) + (time.includes('T') ? 0 : DAY_MS);
/** A business time in the form of the facts. */
const asBusinessTime = (time: string, latest = Infinity): string =>
  new Date(Math.min(Date.parse(time), latest)).toISOString();
const firstToApply = <S extends OptIn>(statements: readonly S[]): S | undefined =>
  statements.length === 0 ? undefined : statements.reduce((a, b) => (b.from < a.from ? b : a));
const whenIn = (from: string, now: number): ConsentEffect =>
  Date.parse(from) <= now ? { status: 'effective' } : { status: 'scheduled', from };

function effectOfOptOut(out: OptOut, ins: readonly OptIn[], now: number): ConsentEffect {
  const end = endOf(out, ins);
  if (end !== undefined && (end.to === out.from || Date.parse(end.to) <= now))
    return { status: 'superseded', by: payersId(end.by.event) };
  return whenIn(out.from, now);
}

/**
 * Whether at `now` an opt-out bars a provider that an opt-in is about, and the opt-in does not end that. An opt-in for
 * some providers ends no opt-out that bars others too without naming them (N10). It also ends nothing that an opt-out
 * says about its provider by another identifier.
 */
function standsAgainst(
  o: OptOut,
  back: OptIn,
  ins: readonly OptIn[],
  { now, identity, specialties = () => [] }: EffectOptions,
): boolean {
  if (o.bars === 'nobody') return false;
  const isInside = (provider: ProviderKey): boolean => {
    const known = identity(provider).flatMap(specialties);
    return known.length === 0 || known.some((one) => o.categories!.some((category) => isInCategory(one, category)));
  };
  const isOfCategory = o.scope === 'provider-category' && (o.categories ?? []).length > 0;
  if (isOfCategory && back.targets?.some(isInside) === false) return false;
  const isNamed = namedBy(o) !== undefined;
  const isEnded = ends(back, o);
  if (isEnded && back.targets === undefined) return false;
  const parts = partsOf(o, ins).filter(({ end }) => Date.parse(end?.to ?? FOREVER) > now);
  if (!isNamed || back.targets === undefined) return parts.length > 0;
  const barred = new Set(parts.flatMap(({ targets = [] }) => targets));
  if (isEnded) for (const target of back.targets) barred.delete(target);
  return barred.size > 0 && back.targets.some((target) => identity(target).some((one) => barred.has(one)));
}

/** undefined if no opt-out stands against it. */
function effectOfOptIn(back: OptIn, { outs, ins }: Statements, options: EffectOptions): ConsentEffect | undefined {
  const standing = outs.find((o) => Date.parse(o.from) <= options.now && standsAgainst(o, back, ins, options));
  return standing && { status: 'superseded', by: payersId(standing.event) };
}
