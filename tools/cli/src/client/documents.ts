import { createReadStream } from 'node:fs';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { splitLines } from '@provider-access/fhir';

/** One JSON value of a file, or why there is none at that place. `line` is its text if it had a line of its own. */
export type Document =
  | { readonly ok: true; readonly place: string; readonly value: unknown; readonly line?: string }
  | { readonly ok: false; readonly place: string; readonly reason: string };

/** A line may be a whole Bundle. A longer line is refused by its number. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;
/** How much is kept while it is unclear whether a file is one JSON text over many lines. */
const MAX_TEXT_BYTES = 256 * 1024 * 1024;

/** The bytes of a file, unzipped if its name says gzip. Errors of either stream end the iteration. */
export function bytesOf(file: string): AsyncIterable<Uint8Array> {
  if (!file.endsWith('.gz')) return createReadStream(file);
  const out = new PassThrough();
  // pipeline destroys `out` with the error, so the reader gets it.
  pipeline(createReadStream(file), createGunzip(), out).catch(() => undefined);
  return out;
}

function parse(text: string): { ok: true; value: unknown } | { ok: false } {
  try {
    return { ok: true, value: JSON.parse(text) as unknown };
  } catch {
    return { ok: false };
  }
}

/**
 * Reads NDJSON, or one JSON text over many lines. The first line decides: it is a whole JSON value or not. A broken
 * line is reported by its number, and the lines after it are read. A stream that breaks off is reported as the last
 * place.
 */
export async function* readDocuments(bytes: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Document> {
  /** Lines that are not returned yet, while the whole may still be one JSON text. */
  let open: { readonly number: number; readonly text: string }[] | undefined = [];
  let openBytes = 0;
  const documentOf = (number: number, text: string): Document => {
    const parsed = parse(text);
    return parsed.ok
      ? { ok: true, place: `${name}:${number}`, value: parsed.value, line: text }
      : { ok: false, place: `${name}:${number}`, reason: 'not JSON' };
  };
  try {
    for await (const line of splitLines(bytes, { maxLineBytes: MAX_LINE_BYTES })) {
      if (line.kind !== 'line') {
        yield {
          ok: false,
          place: `${name}:${line.number}`,
          reason:
            line.kind === 'not-utf8' ? 'not UTF-8' : `a line of ${line.bytes} bytes; ${MAX_LINE_BYTES} are the most`,
        };
        continue;
      }
      if (open === undefined) {
        yield documentOf(line.number, line.text);
        continue;
      }
      if (open.length === 0) {
        const first = documentOf(line.number, line.text);
        if (first.ok) {
          open = undefined;
          yield first;
          continue;
        }
      }
      open.push({ number: line.number, text: line.text });
      openBytes += line.text.length;
      if (openBytes <= MAX_TEXT_BYTES) continue;
      for (const held of open) yield documentOf(held.number, held.text);
      open = undefined;
    }
  } catch (error) {
    yield* flush(open, name, documentOf);
    yield {
      ok: false,
      place: name,
      reason:
        `cannot be read to its end (${(error as NodeJS.ErrnoException).code ?? (error as Error).name}): what came ` +
        'before was taken',
    };
    return;
  }
  yield* flush(open, name, documentOf);
}

function* flush(
  open: readonly { readonly number: number; readonly text: string }[] | undefined,
  name: string,
  documentOf: (number: number, text: string) => Document,
): Generator<Document> {
  if (open === undefined || open.length === 0) return;
  const whole = parse(open.map((line) => line.text).join('\n'));
  if (whole.ok) yield { ok: true, place: name, value: whole.value };
  else for (const line of open) yield documentOf(line.number, line.text);
}
