import type { Blobs, BlobWriter } from '@provider-access/engines/blob';
import { SpanKind, type Tracing } from '@provider-access/service/observability';
import { overlay } from './overlay.ts';

/** Files whose writes and reads are spans below a recorded span. Names hold ids, so spans leave them out. */
export function tracedBlobs(blobs: Blobs, tracing: Tracing): Blobs {
  if (!tracing.on) return blobs;
  const span = <T>(operation: string, work: () => Promise<T>): Promise<T> =>
    tracing.span(`${operation} blob`, { kind: SpanKind.CLIENT, attributes: { 'pa.blob.operation': operation } }, work);
  return overlay(blobs, {
    put: (name: string, content: Uint8Array | string) => span('put', () => blobs.put(name, content)),
    get: (name: string) => span('get', () => blobs.get(name)),
    writer: async (name: string): Promise<BlobWriter> => {
      const writer = await blobs.writer(name);
      return overlay(writer, { commit: () => span('commit', () => writer.commit()) });
    },
  });
}
