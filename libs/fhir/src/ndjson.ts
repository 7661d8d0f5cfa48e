/** A line of text, or the reason why a line cannot be read. `number` counts from 1 and includes blank lines. */
export type NdjsonLine =
  | { readonly kind: 'line'; readonly number: number; readonly text: string }
  | { readonly kind: 'too-long'; readonly number: number; readonly bytes: number }
  | { readonly kind: 'not-utf8'; readonly number: number; readonly bytes: number; readonly content: Uint8Array };

export interface LineSplitter {
  /** Lines that this chunk completes. */
  push(chunk: Uint8Array): NdjsonLine[];
  /** The last line, when the input does not end in a line feed. */
  end(): NdjsonLine[];
}

const LF = 10;
const CR = 13;

/** A line of bytes without its end, or the reason why it cannot be read. `number` counts from 1. */
export type RawLine =
  | { readonly kind: 'line'; readonly number: number; readonly content: Uint8Array }
  | { readonly kind: 'too-long'; readonly number: number; readonly bytes: number };

export interface RawLineSplitter {
  /** Lines that this chunk completes. */
  push(chunk: Uint8Array): RawLine[];
  /** The last line, when the input does not end in a line feed. */
  end(): RawLine[];
}

/**
 * Splits bytes at line feeds in memory bounded by `maxLineBytes`. It drops a longer line, reports the line at its end,
 * and continues with the next one. It removes a CR before LF.
 */
export function createRawLineSplitter({ maxLineBytes }: { maxLineBytes: number }): RawLineSplitter {
  let pieces: Uint8Array[] = [];
  let length = 0;
  let number = 0;

  function add(piece: Uint8Array): void {
    length += piece.length;
    if (length > maxLineBytes + 1)
      pieces = []; // one more byte may be the CR
    else if (piece.length > 0) pieces.push(piece);
  }

  function finish(found: RawLine[]): void {
    number += 1;
    let bytes = length;
    let content = length > maxLineBytes + 1 ? undefined : pieces.length === 1 ? pieces[0] : join(pieces, length);
    pieces = [];
    length = 0;
    if (content !== undefined && content[content.length - 1] === CR) {
      content = content.subarray(0, -1);
      bytes -= 1;
    }
    if (content === undefined || bytes > maxLineBytes) found.push({ kind: 'too-long', number, bytes });
    else found.push({ kind: 'line', number, content });
  }

  return {
    push(chunk) {
      const found: RawLine[] = [];
      let start = 0;
      for (let at = chunk.indexOf(LF, start); at >= 0; at = chunk.indexOf(LF, start)) {
        // A slice of a Buffer shares its memory, so the caller must keep a chunk until nobody needs its lines.
        add(chunk.slice(start, at));
        finish(found);
        start = at + 1;
      }
      if (start < chunk.length) add(chunk.slice(start));
      return found;
    },
    end() {
      const found: RawLine[] = [];
      if (length > 0) finish(found);
      return found;
    },
  };
}

/** As `createRawLineSplitter`, with text. It skips blank lines, and removes a byte order mark at the start. */
export function createLineSplitter(options: { maxLineBytes: number }): LineSplitter {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  const splitter = createRawLineSplitter(options);
  const decoded = (lines: readonly RawLine[]): NdjsonLine[] =>
    lines.flatMap((line): NdjsonLine[] => {
      if (line.kind === 'too-long') return [line];
      const { number, content } = line;
      try {
        const text = decoder.decode(content);
        return text.trim() === '' ? [] : [{ kind: 'line', number, text }];
      } catch {
        return [{ kind: 'not-utf8', number, bytes: content.length, content }];
      }
    });
  return { push: (chunk) => decoded(splitter.push(chunk)), end: () => decoded(splitter.end()) };
}

/** The lines of a byte stream, in order; see createLineSplitter. */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { maxLineBytes: number },
): AsyncGenerator<NdjsonLine, void, undefined> {
  const splitter = createLineSplitter(options);
  for await (const chunk of chunks) yield* splitter.push(chunk);
  yield* splitter.end();
}

function join(pieces: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
