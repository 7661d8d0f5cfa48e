import type { DomainEvent } from '@provider-access/events';

/**
 * Publishes events, and ends when the platform has decided each of them. It throws if one was refused, became a dead
 * letter, or is not decided yet: the import is not complete then. `onAccepted` gets how many of these events the
 * platform has accepted so far.
 */
export type Publish = (events: AsyncIterable<DomainEvent>, onAccepted?: (count: number) => void) => Promise<unknown>;

/** The event that ends an import, alone: it may only be published when everything before it is decided. */
export async function* alone(event: DomainEvent): AsyncGenerator<DomainEvent> {
  yield event;
}
