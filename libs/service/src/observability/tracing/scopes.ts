import { AsyncLocalStorage } from 'node:async_hooks';
import type { Span, SpanContext } from '@opentelemetry/api';

/** Where something happens: a context, and its span where it is recorded. */
export interface Scope {
  readonly context: SpanContext;
  /** Absent: nothing is recorded here. */
  readonly span?: Span;
  /** For log lines alone: nothing that is written carries it on. */
  readonly local?: true;
}

/**
 * The scope of the running code, through awaits and callbacks. There is one for each process, and nothing of it is
 * global.
 */
export class TraceScopes {
  readonly #storage = new AsyncLocalStorage<Scope | undefined>();

  active(): Scope | undefined {
    return this.#storage.getStore();
  }
  run<T>(scope: Scope | undefined, work: () => T): T {
    return this.#storage.run(scope, work);
  }
  /** Fields of a log line that is written now. */
  fields(): { readonly trace_id?: string; readonly span_id?: string } {
    const context = this.#storage.getStore()?.context;
    return context === undefined ? {} : { trace_id: context.traceId, span_id: context.spanId };
  }
}
