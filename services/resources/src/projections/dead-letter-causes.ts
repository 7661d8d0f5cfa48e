import type { ViewReader } from '@provider-access/engines/views';
import { DEAD_LETTER_PARTS, type DeadLetterPart, type DeadLetterStatus } from './dead-letters.ts';

/** Counting stops at this number of dead letters of a cause. */
const COUNTED = 1000;

/** Dead letters with one cause: the same reason, detail and type of event. */
export interface Cause extends Pick<DeadLetterPart, 'cause' | 'reason' | 'detail'> {
  readonly eventType?: string;
  /** At most `COUNTED`. */
  readonly count: number;
  /** There are more than `count`. */
  readonly isMore: boolean;
  /** When the oldest and the newest of them were parked. */
  readonly oldest: string;
  readonly newest: string;
}

/**
 * The causes of dead letters in a state, in the order of their names. It steps from cause to cause in the index, so
 * that it reads no dead letters between them: of each cause the first and the last one, and at most `COUNTED` keys of
 * the index, in each of the two topics.
 * @param after the last cause of the page before
 */
export async function findCauses(
  reader: ViewReader,
  status: DeadLetterStatus,
  after: string | undefined,
  limit: number,
): Promise<readonly Cause[]> {
  const found = await Promise.all(DEAD_LETTER_PARTS.map((part) => causesOf(reader, part, status, after, limit)));
  const causes = new Map<string, Cause>();
  for (const cause of found.flat()) {
    const other = causes.get(cause.cause);
    causes.set(cause.cause, other === undefined ? cause : together(other, cause));
  }
  return [...causes.values()].toSorted((a, b) => (a.cause < b.cause ? -1 : 1)).slice(0, limit);
}

async function causesOf(
  reader: ViewReader,
  part: string,
  status: DeadLetterStatus,
  after: string | undefined,
  limit: number,
): Promise<readonly Cause[]> {
  const index = `by_cause_${part}`;
  const causes: Cause[] = [];
  for (let last = after; causes.length < limit;) {
    const range = last === undefined ? {} : { range: { gt: last } };
    const [first] = await reader.find({ index, equals: [status], ...range, limit: 1 });
    if (first === undefined) break;
    const found = await counted(reader, part, status, first[part] as DeadLetterPart);
    causes.push(found);
    last = found.cause;
  }
  return causes;
}

/** A cause with an open dead letter; undefined if there is none. */
export async function findCause(
  reader: ViewReader,
  status: DeadLetterStatus,
  cause: string,
): Promise<Cause | undefined> {
  let found: Cause | undefined;
  for (const part of DEAD_LETTER_PARTS) {
    const [first] = await reader.find({ index: `by_cause_${part}`, equals: [status, cause], limit: 1 });
    if (first === undefined) continue;
    const here = await counted(reader, part, status, first[part] as DeadLetterPart);
    found = found === undefined ? here : together(found, here);
  }
  return found;
}

/** @param first the oldest dead letter of the cause */
async function counted(
  reader: ViewReader,
  part: string,
  status: DeadLetterStatus,
  { cause, reason, detail, event, parkedAt }: DeadLetterPart,
): Promise<Cause> {
  const index = `by_cause_${part}`;
  const equals = [status, cause];
  const [keys, [newest]] = await Promise.all([
    reader.find({ index, equals, fields: 'keys', limit: COUNTED + 1 }),
    reader.find({ index, equals, order: 'desc', limit: 1 }),
  ]);
  return {
    ...{ cause, reason, detail },
    ...(event.type !== undefined && { eventType: event.type }),
    count: Math.min(keys.length, COUNTED),
    isMore: keys.length > COUNTED,
    oldest: parkedAt,
    newest: (newest?.[part] as DeadLetterPart | undefined)?.parkedAt ?? parkedAt,
  };
}

const together = (a: Cause, b: Cause): Cause => ({
  ...a,
  count: Math.min(a.count + b.count, COUNTED),
  isMore: a.isMore || b.isMore || a.count + b.count > COUNTED,
  oldest: a.oldest < b.oldest ? a.oldest : b.oldest,
  newest: a.newest > b.newest ? a.newest : b.newest,
});
