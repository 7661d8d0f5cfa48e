import {
  formatTraceparent,
  MAX_LINKS,
  parseTraceparent,
  SpanKind,
  type Attributes,
  type Span,
  type SpanContext,
  type Tracing,
} from '@provider-access/service/observability';
import {
  collectionName,
  type FindQuery,
  type Projection,
  type ViewDocument,
  type ViewReader,
  type Views,
  type ViewStore,
  traceOf,
} from '@provider-access/engines/views';
import { BoundedMap } from '@provider-access/kernel';
import { overlay } from './overlay.ts';

type Found = ViewDocument | undefined;

/**
 * Which recorded write made a document, by collection and id, as far as this process knows. A later read of the
 * document links to that write.
 */
export class RecentWrites extends BoundedMap<string, SpanContext> {
  constructor() {
    super(10_000);
  }
}

const database = (system: string, operation: string, collection: string, more: Attributes = {}) => ({
  kind: SpanKind.CLIENT,
  attributes: { 'db.system.name': system, 'db.operation.name': operation, 'db.collection.name': collection, ...more },
});

/**
 * Views whose reads and writes are spans below a recorded span. A read links to the recorded writes of the documents
 * that it found, if this process made them. https://opentelemetry.io/docs/specs/semconv/database/database-spans/
 */
export function tracedViews(views: Views, tracing: Tracing, system: string, writes = new RecentWrites()): Views {
  if (!tracing.on) return views;
  const store = overlay(views.store, { apply: tracedApply(views.store, tracing, system, writes) });
  return overlay(views, {
    store,
    reader: (projection: Projection) =>
      tracedReader(views.reader(projection), collectionName(projection), tracing, system, writes),
  });
}

function tracedApply(store: ViewStore, tracing: Tracing, system: string, writes: RecentWrites): ViewStore['apply'] {
  return (projection, build, ops, ...rest) => {
    if (ops.length === 0) return store.apply(projection, build, ops, ...rest);
    const collection = collectionName(projection);
    return tracing.span(
      `bulkWrite ${collection}`,
      database(system, 'bulkWrite', collection, { 'db.operation.batch.size': ops.length }),
      async (span) => {
        const trace = span === undefined ? undefined : formatTraceparent(span.spanContext());
        const refused = await store.apply(
          projection,
          build,
          trace === undefined ? ops : ops.map((op) => ({ ...op, trace })),
          ...rest,
        );
        if (span !== undefined) for (const { id } of ops) writes.set(`${collection}/${id}`, span.spanContext());
        return refused;
      },
    );
  };
}

function tracedReader(
  reader: ViewReader,
  collection: string,
  tracing: Tracing,
  system: string,
  writes: RecentWrites,
): ViewReader {
  const options = database(system, 'find', collection);
  const name = `find ${collection}`;
  /** The recorded writes of documents, each once. */
  function linked(span: Span, documents: Iterable<ViewDocument>, seen: Set<string>): void {
    for (const document of documents) {
      for (const context of writesOf(document)) {
        if (seen.size >= MAX_LINKS || seen.has(context.spanId)) continue;
        seen.add(context.spanId);
        span.addLink({ context });
      }
    }
  }
  function writesOf(document: ViewDocument): readonly SpanContext[] {
    const own = writes.size === 0 ? undefined : writes.get(`${collection}/${document._id}`);
    return own === undefined ? traceOf(document).flatMap((header) => parseTraceparent(header) ?? []) : [own];
  }
  /** One read in a span that links to the writes of what it found. */
  const read = <T extends Found | readonly Found[]>(work: () => Promise<T>): Promise<T> =>
    tracing.span(name, options, async (span) => {
      const answer = await work();
      if (span === undefined) return answer;
      const documents = [answer as Found | readonly Found[]].flat().filter((each) => each !== undefined);
      linked(span, documents, new Set());
      span.setAttribute('db.response.returned_rows', documents.length);
      return answer;
    });
  async function* scanned(documents: AsyncIterable<ViewDocument>): AsyncGenerator<ViewDocument> {
    const scope = tracing.begin(name, { ...options, parent: tracing.scopes.active()?.context });
    const seen = new Set<string>();
    let rows = 0;
    try {
      for await (const document of documents) {
        rows++;
        if (scope.span !== undefined) linked(scope.span, [document], seen);
        yield document;
      }
    } finally {
      scope.span?.setAttribute('db.response.returned_rows', rows);
      scope.span?.end();
    }
  }
  return overlay(reader, {
    get: (id: string, how?: { bodies?: readonly string[] }) => read(() => reader.get(id, how)),
    getMany: (ids: readonly string[], how?: { bodies?: readonly string[] }) => read(() => reader.getMany(ids, how)),
    find: (query: FindQuery) => read(() => reader.find(query)),
    scan: (query: Parameters<ViewReader['scan']>[0]) =>
      tracing.recording() ? scanned(reader.scan(query)) : reader.scan(query),
  });
}
