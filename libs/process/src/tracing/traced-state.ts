import { SpanKind, type Tracing } from '@provider-access/service/observability';
import type { State, StreamEvent } from '@provider-access/engines/state';
import { overlay } from './overlay.ts';

/**
 * Writes of requests and of steps of jobs. Background work (leases, presence, polling for work) is no part of a trace.
 */
const WRITES = { claims: ['claim', 'claimMany', 'insertOnce', 'release'], counters: ['hit'], work: ['put'] } as const;

const carrying = (events: readonly StreamEvent[], traceparent: string): readonly StreamEvent[] =>
  events.map((event) =>
    event.record.headers['traceparent'] === undefined
      ? { ...event, record: { ...event.record, headers: { ...event.record.headers, traceparent } } }
      : event,
  );

/**
 * A state whose writes are spans below a recorded span. Its decided events carry the context of the decision, because
 * the relay that appends them runs elsewhere.
 */
export function tracedState(state: State, tracing: Tracing, system: string): State {
  if (!tracing.on) return state;
  const span = <T>(operation: string, collection: string, work: () => Promise<T>): Promise<T> =>
    tracing.span(
      `${operation} ${collection}`,
      {
        kind: SpanKind.CLIENT,
        attributes: { 'db.system.name': system, 'db.operation.name': operation, 'db.collection.name': collection },
      },
      work,
    );
  const parts = Object.fromEntries(
    Object.entries(WRITES).map(([name, operations]) => {
      const part = state[name as keyof typeof WRITES] as unknown as Record<
        string,
        (...args: unknown[]) => Promise<unknown>
      >;
      return [
        name,
        overlay(
          part,
          Object.fromEntries(
            operations.map((operation) => [
              operation,
              (...args: unknown[]) => span(operation, name, () => part[operation]!(...args)),
            ]),
          ),
        ),
      ];
    }),
  );
  const streams = overlay(state.streams, {
    append: <S>(stream: string, expectedVersion: number, events: readonly StreamEvent[], snapshot: S) =>
      span('append', 'streams', () => {
        const traceparent = tracing.traceparent();
        return state.streams.append(
          stream,
          expectedVersion,
          traceparent === undefined ? events : carrying(events, traceparent),
          snapshot,
        );
      }),
  });
  return overlay(state, { ...parts, streams });
}
