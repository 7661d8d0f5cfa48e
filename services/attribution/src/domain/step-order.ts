import { hash } from 'node:crypto';
import type { Step, StepTie } from '@provider-access/facts';

/**
 * So many events of one business time are remembered for a coverage or an attribution. A repetition of an older one
 * counts as a new event.
 */
const MAX_TIED = 16;
const markOf = (event: string): string => hash('sha256', event, 'base64url').slice(0, 11);
const statedTime = (step: Step): string => step.tie?.said ?? step.businessTime;

/** A change of a coverage or an attribution, from which one of our events is made. */
interface Change {
  readonly businessTime: string;
  readonly sequence?: number | undefined;
  readonly tie?: StepTie | undefined;
}

/**
 * The change with the business time under which it is appended. Facts compare business time and sequence, then the id
 * of the event, which is random. So a change with the time and sequence of a known step is written one millisecond
 * later, and `tie` keeps the stated time (ADR 0022). Undefined for a repetition of an event that another event of its
 * time replaced. Pure.
 * @param steps what is known of the coverage, or of the attribution and of its ends
 */
export function orderedAfter<C extends Change>(change: C, event: string, steps: readonly Step[]): C | undefined {
  // It counts: the facts contain it.
  if (steps.some((step) => step.event === event)) return change;
  const stated = change.businessTime;
  const sequence = change.sequence ?? 0;
  const tied = steps.filter((step) => statedTime(step) === stated && step.sequence === sequence);
  if (tied.some((step) => step.tie?.events.includes(markOf(event)))) return undefined;
  // Also after a step that states an earlier time or a lower sequence, and is written with the same time.
  const isOlder = (step: Step): boolean =>
    statedTime(step) < stated || (statedTime(step) === stated && step.sequence < sequence);
  const isWrittenLater = ({ businessTime, sequence: known }: Step): boolean =>
    businessTime > stated || (businessTime === stated && known >= sequence);
  const before = steps.filter((step) => tied.includes(step) || (isOlder(step) && isWrittenLater(step)));
  if (before.length === 0) return change;
  const latest = Math.max(...before.map((step) => Date.parse(step.businessTime)));
  const marks = tied.flatMap((step) => [...(step.tie?.events ?? []), markOf(step.event)]);
  const events = [...new Set(marks)].slice(-MAX_TIED);
  return { ...change, businessTime: new Date(latest + 1).toISOString(), tie: { said: stated, events } };
}
