import type { OptOutFact } from '@provider-access/access';
import { CLOCK_TOLERANCE_MS, type OptedIn, type OptedOut, type ProviderKey } from '@provider-access/events';
import type { LogRecord } from '@provider-access/eventlog';
import { type Holds, holdsAfter } from './holds.ts';
import { dataOf, eventIdOf, heardFrom, recordedAt, typeOfRecord, withSource } from './record.ts';

interface OptIn { readonly e: string; readonly b: string; readonly f: string; readonly r: string }
interface OptOut extends OptIn { readonly sc: string; readonly tg?: readonly ProviderKey[] }
/** Part `consent` of the member facts, from pa.consent. */
export interface ConsentPart {
  readonly outs?: readonly OptOut[];
  readonly ins?: readonly OptIn[];
  readonly holds?: Holds;
  readonly sources: readonly string[];
}

/** undefined when the event changes nothing. */
export const evolveConsent = (part: ConsentPart | undefined, record: LogRecord): ConsentPart | undefined => heardFrom(part, fold(part, record), record, { sources: [] });

function fold(part: ConsentPart | undefined, record: LogRecord): ConsentPart | undefined {
  const base = { ...part, sources: withSource(part?.sources, record) };
  const id = eventIdOf(record);
  switch (typeOfRecord(record)) {
    case 'pa.opted-out.v1': {
      if (part?.outs?.some((o) => o.e === id)) return undefined;
      const o = dataOf<OptedOut>(record);
      return { ...base, outs: [...(part?.outs ?? []), { e: id, b: o.businessTime, f: o.effective, r: recordedAt(record), sc: o.scope, ...(o.targets !== undefined && { tg: o.targets as ProviderKey[] }) }] };
    }
    case 'pa.opted-in.v1': {
      if (part?.ins?.some((i) => i.e === id)) return undefined;
      const i = dataOf<OptedIn>(record);
      return { ...base, ins: [...(part?.ins ?? []), { e: id, b: i.businessTime, f: i.effective, r: recordedAt(record) }] };
    }
    default: {
      const holds = holdsAfter(part?.holds, record);
      return holds && { ...base, holds };
    }
  }
}

/** What `derivedEventId` adds for the source and the member. In one document it tells the source. */
const SOURCE_MARK = /~([A-Za-z0-9_-]{10})(?:~\d+)?$/;
const sameSource = (a: string, b: string): boolean => {
  const mark = SOURCE_MARK.exec(a)?.[1];
  return mark !== undefined && mark === SOURCE_MARK.exec(b)?.[1];
};
/**
 * Whether an opt-in was said after an opt-out. One source has one clock. The clocks of two sources may differ by the tolerance, and within it
 * nobody knows the order: denial wins.
 */
const ends = (i: OptIn, o: OptOut): boolean =>
  sameSource(i.e, o.e) ? i.b > o.b : Date.parse(i.b) > Date.parse(o.b) + CLOCK_TOLERANCE_MS;

/** The opt-in that ends an opt-out first, and the instant from which it does. */
function endOf(o: OptOut, ins: readonly OptIn[]): { readonly by: OptIn; readonly to: string } | undefined {
  let first: { by: OptIn; to: string } | undefined;
  for (const by of ins) {
    if (!ends(by, o)) continue;
    const to = by.f > o.f ? by.f : o.f;
    if (first === undefined || to < first.to || (to === first.to && by.r < first.by.r)) first = { by, to };
  }
  return first;
}

/**
 * An opt-in ends every opt-out that was said before it (business time; a tie denies), from the later of both effective
 * times; an opt-out said after an opt-in stands even when it takes effect earlier. Order of delivery does not matter.
 */
export function optOutFacts(part: ConsentPart | undefined): OptOutFact[] {
  const out: OptOutFact[] = [];
  for (const o of part?.outs ?? []) {
    const end = endOf(o, part!.ins ?? []);
    if (end !== undefined && end.to === o.f) continue;
    out.push({ scope: o.sc, ...(o.tg !== undefined && { targets: o.tg }), from: o.f, recordedAt: o.r, event: o.e, ...(end !== undefined && { to: end.to, endRecordedAt: end.by.r }) });
  }
  return out;
}

const FOREVER = '9999-12-31T23:59:59.999Z';
/** What a stored opt-out or opt-in does, and what stands against it. Ids are those of the payer's events. */
export type ConsentEffect =
  | { readonly status: 'effective' }
  /** Dated ahead: from this RFC 3339 instant on. */
  | { readonly status: 'scheduled'; readonly from: string }
  | { readonly status: 'superseded'; readonly by: string };

/**
 * What one statement does at `now` (ms since the epoch), after everything that is known about the member. undefined: it is not known.
 * `event` is the id of our own event (`derivedEventId`).
 */
export function consentEffect(part: ConsentPart | undefined, event: string, now: number): ConsentEffect | undefined {
  const { outs = [], ins = [] } = part ?? {};
  const payers = (id: string): string => id.replace(SOURCE_MARK, '');
  const at = (instant: string): number => Date.parse(instant);
  const out = outs.find((o) => o.e === event);
  if (out !== undefined) {
    const end = endOf(out, ins);
    if (end !== undefined && (end.to === out.f || at(end.to) <= now)) return { status: 'superseded', by: payers(end.by.e) };
    return at(out.f) <= now ? { status: 'effective' } : { status: 'scheduled', from: out.f };
  }
  const back = ins.find((i) => i.e === event);
  if (back === undefined) return undefined;
  const standing = outs.find((o) => at(o.f) <= now && !ends(back, o) && at(endOf(o, ins)?.to ?? FOREVER) > now);
  if (standing !== undefined) return { status: 'superseded', by: payers(standing.e) };
  return at(back.f) <= now ? { status: 'effective' } : { status: 'scheduled', from: back.f };
}
