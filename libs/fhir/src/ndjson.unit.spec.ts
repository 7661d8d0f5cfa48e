import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';

import { createRawLineSplitter, createLineSplitter, type NdjsonLine } from './ndjson.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
function lines(chunks: Uint8Array[], maxLineBytes = 20): NdjsonLine[] {
  const splitter = createLineSplitter({ maxLineBytes });
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()];
}

describe('createLineSplitter', () => {
  it('removes CR and byte order mark, skips blank lines, and reads a last line without a line feed', () => {
    expect(lines([encode('\ufeff{"a":1}\r\n\n  \n{"b":2}')])).toEqual([
      { kind: 'line', number: 1, text: '{"a":1}' },
      { kind: 'line', number: 4, text: '{"b":2}' },
    ]);
  });

  it('reports a line that is too long and continues behind it', () => {
    expect(lines([encode(`short\n${'x'.repeat(15)}`), encode(`${'x'.repeat(30)}\nnext\n`)])).toEqual([
      { kind: 'line', number: 1, text: 'short' },
      { kind: 'too-long', number: 2, bytes: 45 },
      { kind: 'line', number: 3, text: 'next' },
    ]);
  });

  it('counts a limit without CR and LF', () => {
    expect(
      lines([encode(`${'x'.repeat(20)}\r\n${'x'.repeat(21)}\n${'x'.repeat(21)}`)]).map(({ kind }) => kind),
    ).toEqual(['line', 'too-long', 'too-long']);
  });

  it('names bytes that are no UTF-8', () => {
    expect(lines([new Uint8Array([0xc3, 0x28, 10]), encode('ok\n')])).toEqual([
      { kind: 'not-utf8', number: 1, bytes: 2, content: expect.any(Uint8Array) as Uint8Array },
      { kind: 'line', number: 2, text: 'ok' },
    ]);
  });

  it('does not keep the caller’s buffer', () => {
    const splitter = createLineSplitter({ maxLineBytes: 20 });
    const buffer = encode('abc');
    splitter.push(buffer);
    buffer.fill(120);
    expect(splitter.push(encode('\n'))).toEqual([{ kind: 'line', number: 1, text: 'abc' }]);
  });

  it('finds the same lines however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme', maxLength: 30 }), { maxLength: 8 }),
        fc.array(fc.nat(200), { maxLength: 6 }),
        (texts, cuts) => {
          const bytes = encode(texts.join('\n'));
          const at = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
          const chunks = at.slice(1).map((end, index) => bytes.subarray(at[index], end));
          expect(lines(chunks)).toEqual(lines([bytes]));
        },
      ),
    );
  });
});

it('makes one object for a line of a Buffer, which shares its memory, and copies a line of other bytes', () => {
  const contents = (chunk: Uint8Array): Uint8Array[] =>
    createRawLineSplitter({ maxLineBytes: 9 })
      .push(chunk)
      .flatMap((line) => (line.kind === 'line' ? [line.content] : []));
  const chunk = Buffer.from('one\ntwo\n');
  const views = vi.spyOn(Buffer.prototype, 'subarray');
  const lines = contents(chunk);
  expect(views).toHaveBeenCalledTimes(2);
  vi.restoreAllMocks();
  const copies = contents(new Uint8Array(chunk));
  expect([...lines, ...copies].map(String)).toEqual(['one', 'two', '111,110,101', '116,119,111']);
  expect(lines.map(({ buffer }) => buffer === chunk.buffer)).toEqual([true, true]);
  expect(copies.map(({ buffer }) => buffer.byteLength)).toEqual([3, 3]);
});
