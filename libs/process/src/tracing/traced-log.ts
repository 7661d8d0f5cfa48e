import type { Appended, Batch, EventLog, LogRecord, NewRecord, SubscribeOptions } from '@provider-access/engines/log';
import {
  formatTraceparent,
  MAX_LINKS,
  newContext,
  parseTraceparent,
  SpanKind,
  type Attributes,
  type Joined,
  type SpanContext,
  type Tracing,
} from '@provider-access/service/observability';
import { overlay } from './overlay.ts';

const HEADER = 'traceparent';
type Headed = Pick<NewRecord | LogRecord, 'headers'>;

/** Contexts that records carry, each header once. Most records of a batch carry the same context, or none. */
function contextsOf(records: readonly Headed[], most = Infinity): SpanContext[] {
  const contexts: SpanContext[] = [];
  const seen = new Set<string>();
  let last: string | undefined;
  for (const { headers } of records) {
    const header = headers[HEADER];
    if (header === undefined || header === last || seen.has(header)) continue;
    last = header;
    seen.add(header);
    const context = parseTraceparent(header);
    if (context !== undefined && contexts.push(context) === most) break;
  }
  return contexts;
}

/** A context that came with a record is carried on unchanged. */
const withContext = (records: readonly NewRecord[], header: string): readonly NewRecord[] =>
  records.map((record) =>
    record.headers[HEADER] === undefined ? { ...record, headers: { ...record.headers, [HEADER]: header } } : record,
  );

/**
 * Payer systems write these topics, so a trace may begin at such a record. Every other record follows from something.
 */
const isInbound = (topic: string): boolean => topic.startsWith('payer.') && !topic.endsWith('.dead-letter');

/**
 * A log whose records carry trace contexts and whose consumers continue them. `system` is the value of
 * `messaging.system`. https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/
 */
export function tracedLog(log: EventLog, tracing: Tracing, system: string): EventLog {
  const { scopes } = tracing;
  const attributes = (operation: 'send' | 'process', topic: string, count: number): Attributes => ({
    'messaging.system': system,
    'messaging.destination.name': topic,
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.batch.message_count': count,
  });

  function append(topic: string, records: readonly NewRecord[]): Promise<readonly Appended[]> {
    const joined = origin(records);
    if (joined === undefined) {
      const header = tracing.traceparent();
      return log.append(topic, header === undefined ? records : withContext(records, header));
    }
    const scope = tracing.begin(`send ${topic}`, {
      kind: SpanKind.PRODUCER,
      ...joined,
      sampled: true,
      attributes: attributes('send', topic, records.length),
    });
    return tracing.within(scope, () => log.append(topic, withContext(records, formatTraceparent(scope.context))));
  }

  /**
   * Below the running span. If records bring contexts of their own (decisions of several requests that are appended
   * together), they are below those instead, because the running span need not be their cause.
   */
  function origin(records: readonly NewRecord[]): Joined | undefined {
    const { context, span } = scopes.active() ?? {};
    const theirs = tracing.join(contextsOf(records));
    if (span === undefined || context === undefined) return theirs;
    if (theirs !== undefined && records.every(({ headers }) => headers[HEADER] !== undefined))
      return theirs.parent?.traceId === context.traceId ? theirs : { ...theirs, links: [...theirs.links, context] };
    const others =
      theirs === undefined ? [] : [...(theirs.parent === undefined ? [] : [theirs.parent]), ...theirs.links];
    return { parent: context, links: others.filter(({ spanId }) => spanId !== context.spanId).slice(0, MAX_LINKS) };
  }

  function handle({ group, handle: next }: SubscribeOptions, batch: Batch): Promise<void> {
    // Without tracing, only log lines need a context: that of the first record with one.
    const contexts = contextsOf(batch.records, tracing.on ? Infinity : 1);
    const joined = tracing.on ? tracing.join(contexts) : undefined;
    // Not recorded as a span. Log lines of the batch share the context, and nothing is exported.
    const unrecorded = (): Promise<void> =>
      scopes.run({ context: contexts[0] ?? newContext(), local: true }, () => next(batch));
    if (joined === undefined && !(tracing.on && contexts.length === 0 && isInbound(batch.topic))) return unrecorded();
    const scope = tracing.begin(`process ${batch.topic}`, {
      kind: SpanKind.CONSUMER,
      ...joined,
      sampled: joined !== undefined,
      attributes: {
        ...attributes('process', batch.topic, batch.records.length),
        'messaging.consumer.group.name': group,
        'messaging.destination.partition.id': String(batch.partition),
      },
    });
    return scope.span === undefined ? unrecorded() : tracing.within(scope, () => next(batch));
  }

  return overlay(log, {
    ...(tracing.on && { append }),
    subscribe: (options: SubscribeOptions) => log.subscribe({ ...options, handle: (batch) => handle(options, batch) }),
  });
}
