import fc from 'fast-check';
import { gunzipSync } from 'node:zlib';
import { cases } from '@provider-access/testing/variant';
import { describe, expect, it } from 'vitest';
import { cutSegment, deflateSegment, lastUpdatedOf, layout, linesOfSegment, pieces, type Segment } from './index.ts';

const namesOfSegment = (bytes: Uint8Array, segment: Segment): readonly string[] =>
  linesOfSegment(bytes, segment).flatMap(({ names }) => names);
const segmentOf = (lines: readonly string[]): Segment =>
  deflateSegment(Buffer.from(lines.map((line) => `${line}\n`).join('')), lines.length);
const lineOf = (id: string, text: string, order: boolean): string =>
  JSON.stringify(order ? { resourceType: 'Goal', id, text } : { text, id, resourceType: 'Goal' });

describe('a segment without some of its resources', () => {
  it('has the other lines, byte for byte, in the stream of a download too', () => {
    const line = fc.tuple(fc.constantFrom(...'abcdef'), fc.string({ unit: 'grapheme', maxLength: 50 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 8 }), fc.subarray([...'abcdef']), (some, gone) => {
        const stored = segmentOf(some.map((one) => lineOf(...one)));
        expect(namesOfSegment(stored.bytes, stored)).toEqual(some.map(([id]) => `Goal/${id}`));
        const left = some.filter(([id]) => !gone.includes(id)).map((one) => `${lineOf(...one)}\n`);
        const without = new Set(gone.map((id) => `Goal/${id}`));
        const cut = cutSegment(stored.bytes, stored, without);
        if (left.length === 0) return void expect(cut).toBeUndefined();
        expect([cut!.lines.toString(), cut!.resources, cut!.plain]).toEqual([
          left.join(''),
          left.length,
          Buffer.byteLength(left.join('')),
        ]);
        const { resources, plain, compressed, crc } = cut!;
        const segment = { of: [0], labels: [], offset: 7, resources, plain, compressed, crc, cut: { stored, without } };
        const whole = layout([segment], 'gzip');
        const bytes = [...pieces(whole)].map((piece) => (piece.kind === 'literal' ? piece.bytes : cut!.bytes));
        expect(gunzipSync(Buffer.concat(bytes)).toString()).toBe(left.join(''));
        // What was cut can be cut again.
        expect(cutSegment(stored.bytes, segment, without)!.lines.equals(cut!.lines)).toBe(true);
      }),
      { numRuns: cases(200) },
    );
  });
  it('has the other entries of a list of deletes', () => {
    const bundle = (...urls: string[]): string =>
      JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry: urls.map((url) => ({ request: { url } })) });
    const stored = segmentOf([bundle('Goal/a', 'Goal/b'), bundle('Goal/c')]);
    expect(namesOfSegment(stored.bytes, stored)).toEqual(['Goal/a', 'Goal/b', 'Goal/c']);
    const cut = cutSegment(stored.bytes, stored, new Set(['Goal/b', 'Goal/c']));
    expect([cut!.lines.toString(), cut!.resources]).toEqual([`${bundle('Goal/a')}\n`, 1]);
    expect(cutSegment(stored.bytes, stored, new Set(['Goal/a', 'Goal/b', 'Goal/c']))).toBeUndefined();
  });
  it('tells the time of a version, wherever its meta stands', () => {
    const at = '2026-03-01T08:30:00.123Z';
    const lines = [
      { resourceType: 'Goal', id: 'a', meta: { versionId: '1', lastUpdated: at, profile: ['p'] } },
      { resourceType: 'Goal', meta: { lastUpdated: at }, id: 'a' },
      { resourceType: 'Goal', id: 'a', meta: { tag: [{ code: 'SUBSETTED' }] } },
      { resourceType: 'Goal', id: 'a', note: '"meta":{"versionId":"1","lastUpdated":"2020-01-01T00:00:00Z"' },
    ].map((resource) => JSON.stringify(resource));
    const stored = segmentOf(lines);
    const read = linesOfSegment(stored.bytes, stored);
    expect(read.map(({ line }) => line.toString())).toEqual(lines);
    expect(read.map(({ line }) => lastUpdatedOf(line))).toEqual([Date.parse(at), Date.parse(at), undefined, undefined]);
  });
  it('is never made of torn bytes', () => {
    const stored = segmentOf(['{"resourceType":"Goal","id":"a"}']);
    expect(() => cutSegment(stored.bytes, { ...stored, crc: stored.crc + 1 }, new Set())).toThrow('does not match');
  });
});
