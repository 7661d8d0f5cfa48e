import type { ViewDocument } from './projection.ts';

const traces = new WeakMap<ViewDocument, readonly string[]>();

/** Contexts of the recorded writes that made a document's parts, as far as its store kept them. */
export const traceOf = (document: ViewDocument): readonly string[] => traces.get(document) ?? [];

/** Remembers them with a document that was just decoded, while it lives. */
export function keepTraces(document: ViewDocument, contexts: readonly string[]): void {
  if (contexts.length > 0) traces.set(document, contexts);
}
