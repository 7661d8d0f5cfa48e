import { SpanKind, type Tracing } from '@provider-access/service/observability';
import type { State, StreamEvent } from '@provider-access/engines/state';
import { type Around, overlay, surround } from './overlay.ts';

const carrying = (events: readonly StreamEvent[], traceparent: string): readonly StreamEvent[] =>
  events.map((event) =>
    event.record.headers['traceparent'] === undefined
      ? { ...event, record: { ...event.record, headers: { ...event.record.headers, traceparent } } }
      : event,
  );

/**
 * A state whose writes of requests and of steps of jobs are spans below a recorded span. Background work (leases,
 * presence, polling for work) is no part of a trace. Its decided events carry the context of the decision, because the
 * relay that appends them runs elsewhere.
 */
export function tracedState(state: State, tracing: Tracing, system: string): State {
  if (!tracing.on) return state;
  const span =
    (collection: string): Around =>
    (operation, call) => {
      const attributes = {
        'db.system.name': system,
        'db.operation.name': operation,
        'db.collection.name': collection,
      };
      return tracing.span(`${operation} ${collection}`, { kind: SpanKind.CLIENT, attributes }, call);
    };
  const streams = overlay(state.streams, {
    append: <S>(stream: string, expectedVersion: number, events: readonly StreamEvent[], snapshot: S) =>
      span('streams')('append', () => {
        const traceparent = tracing.traceparent();
        const carried = traceparent === undefined ? events : carrying(events, traceparent);
        return state.streams.append(stream, expectedVersion, carried, snapshot);
      }),
  });
  return overlay(state, {
    streams,
    claims: surround(state.claims, ['claim', 'claimMany', 'insertOnce', 'release'], span('claims')),
    bridging: surround(state.bridging, ['claimMany', 'release'], span('claims')),
    counters: surround(state.counters, ['hit'], span('counters')),
    work: surround(state.work, ['put'], span('work')),
  });
}
