import { notes } from '@provider-access/kernel';
import type { ViewDocument } from './projection.ts';

const traces = notes<ViewDocument, readonly string[]>();

/** Trace contexts of the last writes of a document's parts, if the store has them. */
export const traceOf = (document: ViewDocument): readonly string[] => traces.get(document) ?? [];

/** Associates trace contexts with a decoded document. */
export function keepTraces(document: ViewDocument, contexts: readonly string[]): void {
  if (contexts.length > 0) traces.set(document, contexts);
}
