import type { HoldFact } from '@provider-access/domain/access';
import type { AccessHeld, AccessReleased } from '@provider-access/events';
import { dataOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { typeOfRecord } from './record.ts';
import { EVER } from './steps.ts';

/**
 * By dead letter id. A release is kept for a while, so that a hold that is delivered again after its release does not
 * count.
 */
export type Holds = Readonly<Record<string, { readonly t?: string; readonly f?: string; readonly u?: string }>>;

/**
 * So many releases are kept. No open hold is dropped, because `AccessHolds` of intake publishes only a few for each
 * member.
 */
const RELEASED = 8;
const earlier = (a: string | undefined, b: string): string => (a === undefined || b < a ? b : a);

/** Returns the same object if the hold is known. */
export function held(holds: Holds | undefined, deadLetter: string, eventType: string, at: string): Holds {
  const known = holds?.[deadLetter];
  if (known?.t === eventType && known.f !== undefined && known.f <= at) return holds!;
  return { ...holds, [deadLetter]: { ...known, t: eventType, f: earlier(known?.f, at) } };
}
/** Returns the same object if the release is known. Drops the oldest releases. */
export function released(holds: Holds | undefined, deadLetter: string, at: string): Holds {
  const known = holds?.[deadLetter];
  if (known?.u !== undefined && known.u <= at) return holds!;
  return fewReleased({ ...holds, [deadLetter]: { ...known, u: earlier(known?.u, at) } });
}
/** Without the oldest releases beyond `RELEASED`. The newest one stays, because `visibleSince` depends on it. */
export function fewReleased(holds: Holds): Holds {
  const ends = Object.entries(holds).flatMap(([deadLetter, { u }]) => (u === undefined ? [] : [{ deadLetter, u }]));
  if (ends.length <= RELEASED) return holds;
  const dropped = new Set(
    ends
      .sort((a, b) => (a.u < b.u ? -1 : a.u > b.u ? 1 : 0))
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
  const dropped = Object.entries(part?.holds ?? {}).flatMap(([deadLetter, { u }]) =>
    deadLetter in holds || u === undefined ? [] : [u],
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
  for (const [deadLetter, h] of Object.entries(holds ?? {})) {
    if (h.f !== undefined && h.t !== undefined)
      out.push({ deadLetter, eventType: h.t, from: h.f, ...(h.u !== undefined && { to: h.u }) });
  }
  return out;
}
