import type { AttributionFact } from '@provider-access/access';
import type { AccessHeld, AccessReleased, AttributionEndedRecord, MemberAttributed, ProviderKey } from '@provider-access/events';
import type { LogRecord } from '@provider-access/eventlog';
import { held, type Holds, released } from './holds.ts';
import { dataOf, eventIdOf, recordedAt, typeOfRecord, withSource } from './record.ts';
import { pieces, type Step, withStep } from './steps.ts';

export interface GroupAttribution {
  /** [] until it was asserted: an end may come first. */
  readonly p: readonly ProviderKey[];
  /** Contract. */
  readonly k?: string;
  readonly steps: readonly Step[];
}
/** Part `attribution` of the member facts, from pa.attribution. */
export interface AttributionPart {
  readonly groups: Readonly<Record<string, GroupAttribution>>;
  readonly holds?: Holds;
  readonly sources: readonly string[];
}
export const ATTRIBUTED = 'pa.member-attributed.v1';
export const ATTRIBUTION_ENDED = 'pa.attribution-ended.v1';

/** undefined when the event changes nothing. */
export function evolveGroupAttribution(known: GroupAttribution | undefined, record: LogRecord): GroupAttribution | undefined {
  const base = { e: eventIdOf(record), q: 0 };
  if (typeOfRecord(record) === ATTRIBUTED) {
    const a = dataOf<MemberAttributed>(record);
    const steps = withStep(known?.steps ?? [], { ...base, b: a.businessTime, s: a.from, f: a.from, ...(a.to !== undefined && { u: a.to }), ...(a.coverageId !== undefined && { c: a.coverageId }) }, recordedAt(record));
    // An end that came first and covers this assertion must still learn whose Group it is.
    if (steps === undefined && (known === undefined || known.p.length > 0)) return undefined;
    return { p: a.providers as ProviderKey[], ...(a.contract !== undefined && { k: a.contract }), steps: steps ?? known!.steps };
  }
  const ended = dataOf<AttributionEndedRecord>(record);
  const steps = withStep(known?.steps ?? [], { ...base, b: ended.businessTime, s: ended.to }, recordedAt(record));
  return steps && { p: known?.p ?? [], ...(known?.k !== undefined && { k: known.k }), steps };
}

/** undefined when the event changes nothing. */
export function evolveAttribution(part: AttributionPart | undefined, record: LogRecord): AttributionPart | undefined {
  const sources = withSource(part?.sources, record);
  const base = { groups: {}, ...part, sources };
  switch (typeOfRecord(record)) {
    case ATTRIBUTED:
    case ATTRIBUTION_ENDED: {
      const { group } = dataOf<{ group: string }>(record);
      const next = evolveGroupAttribution(part?.groups[group], record);
      return next && { ...base, groups: { ...part?.groups, [group]: next } };
    }
    case 'pa.access-held.v1': {
      const h = dataOf<AccessHeld>(record);
      return { ...base, holds: held(part?.holds, h.deadLetter, h.eventType, record.headers['ce_time']!) };
    }
    case 'pa.access-released.v1':
      return { ...base, holds: released(part?.holds, dataOf<AccessReleased>(record).deadLetter, record.headers['ce_time']!) };
    default:
      return undefined;
  }
}

export function attributionFacts(part: AttributionPart | undefined): AttributionFact[] {
  const out: AttributionFact[] = [];
  for (const [group, a] of Object.entries(part?.groups ?? {})) {
    for (const piece of pieces(a.steps)) out.push({ ...piece, group, providers: a.p, ...(a.k !== undefined && { contract: a.k }) });
  }
  return out;
}
