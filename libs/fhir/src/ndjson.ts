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

/**
 * Splits bytes at line feeds in memory bounded by `maxLineBytes`. It drops a longer line, reports the line at its end,
 * and continues with the next one. It skips blank lines, and removes a CR before LF and a byte order mark at the start.
 */
export function createLineSplitter({ maxLineBytes }: { maxLineBytes: number }): LineSplitter {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });
  let pieces: Uint8Array[] = [];
  let length = 0;
  let number = 0;

  function add(piece: Uint8Array): void {
    length += piece.length;
    if (length > maxLineBytes + 1)
      pieces = []; // one more byte may be the CR
    // A copy, because the caller may reuse its buffer.
    else if (piece.length > 0) pieces.push(piece.slice());
  }

  function finish(found: NdjsonLine[]): void {
    number += 1;
    let bytes = length;
    let content = length > maxLineBytes + 1 ? undefined : pieces.length === 1 ? pieces[0] : join(pieces, length);
    pieces = [];
    length = 0;
    if (content !== undefined && content[content.length - 1] === CR) {
      content = content.subarray(0, -1);
      bytes -= 1;
    }
    if (content === undefined || bytes > maxLineBytes) {
      found.push({ kind: 'too-long', number, bytes });
      return;
    }
    try {
      const text = decoder.decode(content);
      if (text.trim() !== '') found.push({ kind: 'line', number, text });
    } catch {
      found.push({ kind: 'not-utf8', number, bytes, content });
    }
  }

  return {
    push(chunk) {
      const found: NdjsonLine[] = [];
      let start = 0;
      for (let at = chunk.indexOf(LF, start); at >= 0; at = chunk.indexOf(LF, start)) {
        add(chunk.subarray(start, at));
        finish(found);
        start = at + 1;
      }
      add(chunk.subarray(start));
      return found;
    },
    end() {
      const found: NdjsonLine[] = [];
      if (length > 0) finish(found);
      return found;
    },
  };
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
