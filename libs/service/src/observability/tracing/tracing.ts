import type { Attributes, Link, Span, SpanContext, SpanOptions as OfSpan } from '@opentelemetry/api';
import { SpanKind, SpanStatusCode } from './codes.ts';
import type { Scope, TraceScopes } from './scopes.ts';
import { formatTraceparent, isSampled, newContext, parseTraceparent } from './traceparent.ts';

export interface SpanOptions {
  readonly kind?: SpanKind;
  /** Closed sets, patterns and counts: never a member, a name, a URL or a value. */
  readonly attributes?: Attributes;
}
export interface BeginOptions extends SpanOptions {
  readonly parent?: SpanContext | undefined;
  readonly links?: readonly SpanContext[];
  /**
   * If this span begins a trace, it is recorded whatever the ratio says, because it links to a recorded span, and the
   * link would lead nowhere.
   */
  readonly sampled?: boolean;
}
/** How something that several traces lead to is put among them. */
export interface Joined {
  readonly parent?: SpanContext;
  readonly links: readonly SpanContext[];
}

/** Links of a span at most: a batch may hold hundreds of traces. */
export const MAX_LINKS = 32;

/** Only the name of an error is recorded, because its message may quote data. */
function failed(span: Span, error: unknown): void {
  failedAs(span, error instanceof Error ? error.name : typeof error);
}
/** `type`: of a closed set. */
export function failedAs(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** A tracer of OpenTelemetry. Without a parent, a span begins a trace. */
export interface Tracer {
  startSpan(name: string, options: OfSpan, parent: SpanContext | undefined): Span;
}
const NO_LINKS: readonly SpanContext[] = [];

/**
 * Spans of one service. Without a tracer (`on` false) no span is ever made; scopes still carry ids for log lines. What
 * is not sampled costs one look at the scope: a span is made only below one that is recorded.
 */
export class Tracing {
  readonly scopes: TraceScopes;
  readonly #tracer: Tracer | undefined;
  readonly #ratio: number;

  /** `ratio`: share of the traces that begin here and are recorded. */
  constructor(scopes: TraceScopes, tracer?: Tracer, ratio = 1) {
    this.scopes = scopes;
    this.#tracer = tracer;
    this.#ratio = ratio;
  }

  get on(): boolean {
    return this.#tracer !== undefined;
  }
  /** Whether the running code is recorded. */
  recording(): boolean {
    return this.scopes.active()?.span !== undefined;
  }
  /** The header that continues the current trace; undefined when tracing is off, or no trace is running. */
  traceparent(): string | undefined {
    if (this.#tracer === undefined) return undefined;
    const scope = this.scopes.active();
    return scope === undefined || scope.local === true ? undefined : formatTraceparent(scope.context);
  }

  /** Makes a new scope; the caller must end its span. Begins a trace if there is no parent. */
  begin(
    name: string,
    { kind = SpanKind.INTERNAL, attributes, parent, links = NO_LINKS, sampled = false }: BeginOptions,
  ): Scope {
    if (this.#tracer === undefined) return { context: parent ?? newContext() };
    if (parent === undefined && !sampled && Math.random() >= this.#ratio) return { context: newContext() };
    // What a parent does not record goes on under the parent's own context.
    if (parent !== undefined && !isSampled(parent)) return { context: parent };
    const span = this.#tracer.startSpan(
      name,
      {
        kind,
        ...(attributes !== undefined && { attributes }),
        ...(links.length > 0 && { links: links.map((context): Link => ({ context })) }),
      },
      parent,
    );
    return { context: span.spanContext(), span };
  }

  /** Runs a function in a child span of the current one. Without a recorded parent it just runs the function. */
  span<T>(name: string, options: SpanOptions, work: (span: Span | undefined) => Promise<T>): Promise<T> {
    const active = this.scopes.active();
    if (active?.span === undefined) return work(undefined);
    return this.within(this.begin(name, { ...options, parent: active.context }), work);
  }
  /** Runs a function in a scope and ends the span with its outcome. */
  async within<T>(scope: Scope, work: (span: Span | undefined) => Promise<T>): Promise<T> {
    try {
      return await this.scopes.run(scope, () => work(scope.span));
    } catch (error) {
      if (scope.span !== undefined) failed(scope.span, error);
      throw error;
    } finally {
      scope.span?.end();
    }
  }

  /** Runs below a context that was written down, perhaps long ago by another process. */
  resume<T>(
    name: string,
    traceparent: string | undefined,
    options: SpanOptions,
    work: (span: Span | undefined) => Promise<T>,
  ): Promise<T> {
    const parent = parseTraceparent(traceparent);
    if (parent === undefined) return this.scopes.run({ context: newContext(), local: true }, () => work(undefined));
    return this.within(this.begin(name, { ...options, parent }), work);
  }
  /** Log lines of `work` say that they belong to a context that was written down. */
  about<T>(traceparent: string | undefined, work: () => T): T {
    const context = parseTraceparent(traceparent);
    return context === undefined ? work() : this.scopes.run({ context, local: true }, work);
  }
  /** Links the current span to one that was recorded elsewhere. */
  link(traceparent: string | undefined): void {
    const span = this.scopes.active()?.span;
    const context = span === undefined ? undefined : parseTraceparent(traceparent);
    if (isSampled(context)) span!.addLink({ context });
  }

  /**
   * What several sampled contexts lead to: below the first when they are of one trace, else a trace of its own; the
   * others are linked. Undefined when none is sampled.
   */
  join(contexts: Iterable<SpanContext>): Joined | undefined {
    const all = new Map<string, SpanContext>();
    let one = true;
    let first: SpanContext | undefined;
    for (const context of contexts) {
      if (!isSampled(context)) continue;
      first ??= context;
      one &&= context.traceId === first.traceId;
      if (all.size < MAX_LINKS) all.set(context.spanId, context);
    }
    if (first === undefined) return undefined;
    return one ? { parent: first, links: [...all.values()].slice(1) } : { links: [...all.values()] };
  }
}
