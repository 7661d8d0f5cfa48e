import { createLineSplitter, type NdjsonLine } from '@provider-access/fhir';

/** The lines of a byte stream, in order; see createLineSplitter. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { maxLineBytes: number },
): AsyncGenerator<NdjsonLine, void, undefined> {
  const splitter = createLineSplitter(options);
  for await (const chunk of chunks) yield* splitter.push(chunk);
  yield* splitter.end();
}
