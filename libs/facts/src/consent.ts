import type { OptOutFact } from '@provider-access/access';
import type { OptedIn, OptedOut, ProviderKey } from '@provider-access/events';
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

/**
 * An opt-in ends every opt-out that was said before it (business time; a tie denies), from the later of both effective
 * times; an opt-out said after an opt-in stands even when it takes effect earlier. Order of delivery does not matter.
 */
export function optOutFacts(part: ConsentPart | undefined): OptOutFact[] {
  const out: OptOutFact[] = [];
  for (const o of part?.outs ?? []) {
    let end: { to: string; at: string } | undefined;
    for (const i of part!.ins ?? []) {
      if (i.b <= o.b) continue;
      const to = i.f > o.f ? i.f : o.f;
      if (end === undefined || to < end.to || (to === end.to && i.r < end.at)) end = { to, at: i.r };
    }
    if (end !== undefined && end.to === o.f) continue;
    out.push({ scope: o.sc, ...(o.tg !== undefined && { targets: o.tg }), from: o.f, recordedAt: o.r, event: o.e, ...(end !== undefined && { to: end.to, endRecordedAt: end.at }) });
  }
  return out;
}
