import type { ReceivedSpan } from './otlp.ts';

/** Spans that belong together: by parent, by trace, by link, in either direction. */
export class TraceGraph {
  readonly #bySpan: ReadonlyMap<string, ReceivedSpan>;
  readonly #edges = new Map<string, Set<string>>();

  constructor(spans: readonly ReceivedSpan[]) {
    this.#bySpan = new Map(spans.map((span) => [span.spanId, span]));
    for (const span of spans) {
      this.#join(span.spanId, `trace ${span.traceId}`);
      for (const link of span.links) this.#join(span.spanId, `trace ${link.traceId}`);
    }
  }
  #join(a: string, b: string): void {
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const known = this.#edges.get(from);
      if (known === undefined) this.#edges.set(from, new Set([to]));
      else known.add(to);
    }
  }
  /** The spans that can be reached from a trace. */
  from(traceId: string): readonly ReceivedSpan[] {
    const seen = new Set<string>();
    const open = [`trace ${traceId}`];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      open.push(...(this.#edges.get(at) ?? []));
    }
    return [...seen].flatMap((id) => this.#bySpan.get(id) ?? []);
  }
}
