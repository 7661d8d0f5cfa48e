import type { HoldFact } from '@provider-access/access';
import type { AccessHeld, AccessReleased } from '@provider-access/events';
import type { LogRecord } from '@provider-access/eventlog';
import { dataOf, typeOfRecord } from './record.ts';
import { EVER } from './steps.ts';

/** By dead letter id. A release is remembered, so that a hold delivered again after it does not come back. */
export type Holds = Readonly<Record<string, { readonly t?: string; readonly f?: string; readonly u?: string }>>;

const earlier = (a: string | undefined, b: string): string => (a === undefined || b < a ? b : a);

export function held(holds: Holds | undefined, deadLetter: string, eventType: string, at: string): Holds {
  const known = holds?.[deadLetter];
  return { ...holds, [deadLetter]: { ...known, t: eventType, f: earlier(known?.f, at) } };
}
export function released(holds: Holds | undefined, deadLetter: string, at: string): Holds {
  const known = holds?.[deadLetter];
  return { ...holds, [deadLetter]: { ...known, u: earlier(known?.u, at) } };
}
/**
 * The holds of a part whose projection failed at a record. The record may have restricted access, so its member is denied until the view is built
 * anew by a version that can read it (ADR 0018), from before everything, whatever a clock says. One hold a topic, however many records fail.
 */
export const heldUnprojected = (holds: Holds | undefined, record: LogRecord): Holds =>
  held(holds, `not-projected/${record.topic}`, typeOfRecord(record), EVER);

/** The holds after a record that holds or releases; undefined for any other. */
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
    if (h.f !== undefined && h.t !== undefined) out.push({ deadLetter, eventType: h.t, from: h.f, ...(h.u !== undefined && { to: h.u }) });
  }
  return out;
}
