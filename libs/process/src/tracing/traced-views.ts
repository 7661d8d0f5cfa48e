import { MAX_LINKS, SpanKind, type Attributes, type Span, type Tracing } from '@provider-access/observability';
import { collectionName, type FindQuery, type Projection, type ViewDocument, type ViewReader, type Views, type ViewStore } from '@provider-access/views';
import { overlay } from './overlay.ts';
import { RecentWrites } from './recent-writes.ts';

const database = (system: string, operation: string, collection: string, more: Attributes = {}) => ({
  kind: SpanKind.CLIENT, attributes: { 'db.system.name': system, 'db.operation.name': operation, 'db.collection.name': collection, ...more },
});

/**
 * Views whose reads and writes are spans below what is recorded. A read links to the recorded writes that made what it found, where
 * this process made them. https://opentelemetry.io/docs/specs/semconv/database/database-spans/
 */
export function tracedViews(views: Views, tracing: Tracing, system: string, writes = new RecentWrites()): Views {
  if (!tracing.on) return views;
  const store = overlay(views.store, { apply: tracedApply(views.store, tracing, system, writes) });
  return overlay(views, { store, reader: (projection: Projection) => tracedReader(views.reader(projection), collectionName(projection), tracing, system, writes) });
}

function tracedApply(store: ViewStore, tracing: Tracing, system: string, writes: RecentWrites): ViewStore['apply'] {
  return (projection, build, ops, ...rest) => {
    if (ops.length === 0) return store.apply(projection, build, ops, ...rest);
    const collection = collectionName(projection);
    return tracing.span(`bulkWrite ${collection}`, database(system, 'bulkWrite', collection, { 'db.operation.batch.size': ops.length }), async (span) => {
      const refused = await store.apply(projection, build, ops, ...rest);
      if (span !== undefined) writes.wrote(collection, new Set(ops.map((op) => op.id)), span.spanContext());
      return refused;
    });
  };
}

function tracedReader(reader: ViewReader, collection: string, tracing: Tracing, system: string, writes: RecentWrites): ViewReader {
  const options = database(system, 'find', collection);
  const name = `find ${collection}`;
  function found(span: Span | undefined, documents: readonly (ViewDocument | undefined)[]): void {
    if (span === undefined) return;
    const contexts = new Map(documents.flatMap((document) => {
      const context = document && writes.of(collection, document._id);
      return context === undefined ? [] : [[context.spanId, context] as const];
    }));
    for (const context of [...contexts.values()].slice(0, MAX_LINKS)) span.addLink({ context });
    span.setAttribute('db.response.returned_rows', documents.reduce((n, document) => (document === undefined ? n : n + 1), 0));
  }
  async function* scanned(documents: AsyncIterable<ViewDocument>): AsyncGenerator<ViewDocument> {
    const scope = tracing.begin(name, { ...options, parent: tracing.scopes.active()?.context });
    const links = new Set<string>();
    let rows = 0;
    try {
      for await (const document of documents) {
        rows++;
        const context = links.size < MAX_LINKS ? writes.of(collection, document._id) : undefined;
        if (context !== undefined && !links.has(context.spanId)) {
          links.add(context.spanId);
          scope.span?.addLink({ context });
        }
        yield document;
      }
    } finally {
      scope.span?.setAttribute('db.response.returned_rows', rows);
      scope.span?.end();
    }
  }
  return overlay(reader, {
    get: (id: string, how?: { bodies?: readonly string[] }) => tracing.span(name, options, async (span) => {
      const document = await reader.get(id, how);
      found(span, [document]);
      return document;
    }),
    getMany: (ids: readonly string[], how?: { bodies?: readonly string[] }) => tracing.span(name, options, async (span) => {
      const documents = await reader.getMany(ids, how);
      found(span, documents);
      return documents;
    }),
    find: (query: FindQuery) => tracing.span(name, options, async (span) => {
      const documents = await reader.find(query);
      found(span, documents);
      return documents;
    }),
    scan: (query: Parameters<ViewReader['scan']>[0]) => (tracing.recording() ? scanned(reader.scan(query)) : reader.scan(query)),
  });
}
