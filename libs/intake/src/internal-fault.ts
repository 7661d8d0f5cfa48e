import type { EventFault } from '@provider-access/events';

/** The fault of an event at which the platform failed. */
export const INTERNAL_FAULT: EventFault = {
  reason: 'internal-fault',
  detail: 'the platform failed at this event; the log of the service names the error',
};
export const TOO_LARGE: EventFault = {
  reason: 'too-large',
  detail: 'the record made from the event is larger than the log accepts',
};
/** Whether the platform failed at the event, so that no other service knows of the fault. */
export const isOfPlatform = (fault: EventFault): boolean => fault === INTERNAL_FAULT || fault === TOO_LARGE;

/** An error in the form that a log line may show. */
export interface ErrorPlace {
  readonly error: string;
  readonly thrown?: readonly string[];
}
/** So many frames of a stack are logged. */
const STACK_LINES = 6;

/**
 * The name of an error and where it was thrown, without its message, because the message may quote the event's data.
 */
export function placeOf(error: unknown): ErrorPlace {
  if (!(error instanceof Error)) return { error: typeof error };
  const lines = (error.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line));
  const thrown = lines.slice(0, STACK_LINES).map((line) => line.trim());
  return { error: error.name, ...(thrown.length > 0 && { thrown }) };
}
