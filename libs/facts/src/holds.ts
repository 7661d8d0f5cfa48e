import type { HoldFact } from '@provider-access/domain/access';
import { type AccessHeld, type AccessReleased, dataOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { typeOfRecord } from './record.ts';
import { EVER } from './steps.ts';

/**
 * By dead letter id. A release is kept for a while, so that a hold that is delivered again after its release does not
 * count.
 */
export type Holds = Readonly<Record<string, Hold>>;
/** Without `from` and `eventType` while only the release has come. */
interface Hold {
  readonly eventType?: string;
  readonly from?: string;
  readonly until?: string;
}

/**
 * So many releases are kept. No open hold is dropped, because `AccessHolds` of intake publishes only a few for each
 * member.
 */
const RELEASED = 8;
const earlier = (a: string | undefined, b: string): string => (a === undefined || b < a ? b : a);

/** Returns the same object if the hold is known. */
export function held(holds: Holds | undefined, deadLetter: string, eventType: string, at: string): Holds {
  const known = holds?.[deadLetter];
  if (known?.eventType === eventType && known.from !== undefined && known.from <= at) return holds!;
  return { ...holds, [deadLetter]: { ...known, eventType, from: earlier(known?.from, at) } };
}
/** Returns the same object if the release is known. Drops the oldest releases. */
export function released(holds: Holds | undefined, deadLetter: string, at: string): Holds {
  const known = holds?.[deadLetter];
  if (known?.until !== undefined && known.until <= at) return holds!;
  return fewReleased({ ...holds, [deadLetter]: { ...known, until: earlier(known?.until, at) } });
}
/** Without the oldest releases beyond `RELEASED`. The newest one stays, because `visibleSince` depends on it. */
export function fewReleased(holds: Holds): Holds {
  const ends = Object.entries(holds).flatMap(([deadLetter, { until }]) =>
    until === undefined ? [] : [{ deadLetter, until }],
  );
  if (ends.length <= RELEASED) return holds;
  const dropped = new Set(
    ends
      .sort((a, b) => (a.until < b.until ? -1 : a.until > b.until ? 1 : 0))
      .slice(0, -RELEASED)
      .map(({ deadLetter }) => deadLetter),
  );
  return Object.fromEntries(Object.entries(holds).filter(([deadLetter]) => !dropped.has(deadLetter)));
}
/** The part with these holds. `since` becomes the end of the newest dropped hold, unless it is later already. */
export function withHolds(
  part: { readonly holds?: Holds; readonly since?: string } | undefined,
  holds: Holds,
): { readonly holds: Holds; readonly since?: string } {
  const dropped = Object.entries(part?.holds ?? {}).flatMap(([deadLetter, { until }]) =>
    deadLetter in holds || until === undefined ? [] : [until],
  );
  const since = [...dropped, ...(part?.since === undefined ? [] : [part.since])].reduce<string | undefined>(
    (a, b) => (a === undefined || b > a ? b : a),
    undefined,
  );
  return { holds, ...(since !== undefined && { since }) };
}
/**
 * The holds of a part whose projection failed at a record. The record may have restricted access. So its member is
 * denied, from the beginning of time and whatever a clock shows, until a version that can read the record rebuilds the
 * view (ADR 0018). There is one hold for each topic, however many records fail.
 */
export const heldUnprojected = (holds: Holds | undefined, record: LogRecord): Holds =>
  held(holds, `not-projected/${record.topic}`, typeOfRecord(record), EVER);

/** The holds after a record that adds or releases one; undefined for any other record. */
export function holdsAfter(holds: Holds | undefined, record: LogRecord): Holds | undefined {
  const at = record.headers['ce_time']!;
  switch (typeOfRecord(record)) {
    case 'pa.access-held.v1': {
      const { deadLetter, eventType } = dataOf<AccessHeld>(record);
      return held(holds, deadLetter, eventType, at);
    }
    case 'pa.access-released.v1':
      return released(holds, dataOf<AccessReleased>(record).deadLetter, at);
    default:
      return undefined;
  }
}
export function holdFacts(holds: Holds | undefined): HoldFact[] {
  const out: HoldFact[] = [];
  for (const [deadLetter, { eventType, from, until }] of Object.entries(holds ?? {})) {
    if (from !== undefined && eventType !== undefined)
      out.push({ deadLetter, eventType, from, ...(until !== undefined && { to: until }) });
  }
  return out;
}
