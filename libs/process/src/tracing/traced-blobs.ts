import type { Blobs } from '@provider-access/engines/blob';
import { SpanKind, type Tracing } from '@provider-access/service/observability';
import { type Around, overlay, surround } from './overlay.ts';

/** Files whose writes and reads are spans below a recorded span. Names hold ids, so spans leave them out. */
export function tracedBlobs(blobs: Blobs, tracing: Tracing): Blobs {
  if (!tracing.on) return blobs;
  const span: Around = (operation, call) => {
    const attributes = { 'pa.blob.operation': operation };
    return tracing.span(`${operation} blob`, { kind: SpanKind.CLIENT, attributes }, call);
  };
  return overlay(surround(blobs, ['put', 'get'], span), {
    writer: async (name: string) => surround(await blobs.writer(name), ['commit'], span),
  });
}
