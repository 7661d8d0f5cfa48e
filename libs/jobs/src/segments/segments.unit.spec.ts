import { constants, crc32, gunzipSync, inflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { cases } from '@provider-access/testing/variant';
import { describe, expect, it } from 'vitest';
import {
  crc32Combine,
  decodeIndex,
  deflateSegment,
  inflateSegment,
  inflateSegments,
  layout,
  PartIndexBuilder,
  permittedSegments,
  pieces,
  releasedBy,
  MEMBERS_OF_SUPPORTING,
  SegmentBuilder,
  type Layout,
  type PartIndex,
  type Segment,
  tagOf,
} from './index.ts';

/** A part file and its index in memory. */
interface Part {
  readonly index: PartIndex;
  readonly bytes: Buffer;
  readonly plain: readonly { members: readonly string[]; lines: Buffer }[];
}
function partOf(content: readonly { members: readonly string[]; lines: readonly string[] }[]): Part {
  const builder = new PartIndexBuilder('Observation');
  const all: Uint8Array[] = [];
  const plain: { members: readonly string[]; lines: Buffer }[] = [];
  for (const { members, lines } of content) {
    const bytes = Buffer.from(lines.map((l) => `${l}\n`).join(''));
    const segment = deflateSegment(bytes, lines.length);
    builder.add(members, segment);
    all.push(segment.bytes);
    plain.push({ members, lines: bytes });
  }
  return { index: decodeIndex(Buffer.from(builder.encode())), bytes: Buffer.concat(all), plain };
}
/** Reads bytes [start, end) of a download as the service does. */
function read(part: Part, of: Layout, start = 0, end = of.length): Buffer {
  const out: Uint8Array[] = [];
  for (const piece of pieces(of, start, end)) {
    if (piece.kind === 'literal') out.push(piece.bytes);
    else {
      const raw = part.bytes.subarray(piece.segment.offset, piece.segment.offset + piece.segment.compressed);
      const coded = of.coding === 'gzip' ? raw : inflateSegment(raw, piece.segment);
      out.push(coded.subarray(piece.skip, piece.skip + piece.take));
    }
  }
  return Buffer.concat(out);
}
const line = fc.string({ unit: 'grapheme', maxLength: 60 }).map((s) => JSON.stringify({ s }));
const member = fc.constantFrom<string[]>('m1', 'm2', 'm3', 'm4', 'm5');
const content = fc.array(
  fc.record({
    members: fc.uniqueArray(member, { minLength: 1, maxLength: 3 }),
    lines: fc.array(line, { minLength: 1, maxLength: 8 }),
  }),
  { maxLength: 12 },
);

describe('crc32Combine', () => {
  it('equals the CRC of the concatenation', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
        expect(crc32Combine(crc32(a), crc32(b), b.length)).toBe(crc32(Buffer.concat([a, b])));
      }),
    );
  });
  it.each([0, 1, 255, 65_536, 9_000_001])('holds for a second piece of %d bytes', (length) => {
    const a = Buffer.from('the first piece');
    const b = Buffer.alloc(length, 'xyz');
    expect(crc32Combine(crc32(a), crc32(b), length)).toBe(crc32(Buffer.concat([a, b])));
  });
  it('starts from nothing', () => {
    expect(crc32Combine(0, crc32('abc'), 3)).toBe(crc32('abc'));
    expect(crc32Combine(crc32('abc'), 0, 0)).toBe(crc32('abc'));
  });
});

describe('a segment', () => {
  it('decodes alone and does not end the stream', () => {
    const segment = deflateSegment(Buffer.from('{"a":1}\n'.repeat(100)), 100);
    expect(inflateSegment(segment.bytes, segment).toString()).toBe('{"a":1}\n'.repeat(100));
    expect(() => inflateRawSync(segment.bytes)).toThrow('unexpected end of file');
    expect(segment).toMatchObject({
      resources: 100,
      plain: 800,
      compressed: segment.bytes.byteLength,
      crc: crc32('{"a":1}\n'.repeat(100)),
    });
  });
  it('is refused when it is torn or differs from the index', () => {
    const segment = deflateSegment(Buffer.from('{"a":1}\n{"b":"something"}\n'), 2);
    expect(() => inflateSegment(segment.bytes.subarray(0, 5), segment)).toThrow();
    expect(() => inflateSegment(segment.bytes, { ...segment, crc: segment.crc ^ 1 })).toThrow('does not match');
    expect(() => inflateSegment(segment.bytes, { ...segment, plain: segment.plain - 3 })).toThrow();
  });
  it('is read together with its neighbours by one call, and refused if any of them differs from the index', () => {
    const texts = ['{"a":1}\n', '{"b":2}\n{"c":"three"}\n', `${'x'.repeat(70_000)}\n`];
    const segments = texts.map((text) => deflateSegment(Buffer.from(text), 1));
    const bytes = Buffer.concat(segments.map((segment) => segment.bytes));
    expect(inflateSegments(bytes, segments).toString()).toBe(texts.join(''));
    for (const wrong of [
      segments.slice(1),
      segments.slice(0, 2),
      [...segments, segments[0]!],
      [segments[1]!, segments[0]!, segments[2]!],
      segments.map((one, i) => (i === 1 ? { ...one, crc: one.crc ^ 1 } : one)),
      [{ ...segments[0]!, plain: 9 }, { ...segments[1]!, plain: segments[1]!.plain - 1 }, segments[2]!],
    ])
      expect(() => inflateSegments(bytes, wrong)).toThrow();
    for (const torn of [bytes.subarray(0, -20), bytes.subarray(1), Buffer.concat([bytes, bytes])])
      expect(() => inflateSegments(torn, segments)).toThrow();
  });
  it('is cut at whole lines once the limit is passed', () => {
    const builder = new SegmentBuilder(100);
    const made: Segment[] = [];
    const lines = Array.from({ length: 50 }, (_, i) => `{"line":${i}}`);
    for (const l of lines) {
      const segment = builder.add(Buffer.from(l));
      if (segment !== undefined) made.push(segment);
    }
    const rest = builder.end();
    if (rest !== undefined) made.push(rest);
    expect(made.length).toBeGreaterThan(4);
    expect(made.map((s) => inflateSegment(s.bytes, s).toString()).join('')).toBe(lines.map((l) => `${l}\n`).join(''));
    for (const s of made) expect(inflateSegment(s.bytes, s).toString().endsWith('}\n')).toBe(true);
    expect(builder.end()).toBeUndefined();
  });
  it('stays as it is while its builder collects the next one', () => {
    const builder = new SegmentBuilder();
    const texts = ['a'.repeat(10), 'b'.repeat(200_000), '', 'c'.repeat(65_535), 'd'];
    const made = texts.map((text) => {
      expect(builder.add(Buffer.from(text))).toBeUndefined();
      return builder.end()!;
    });
    expect(made.map((s) => inflateSegment(s.bytes, s).toString())).toEqual(texts.map((text) => `${text}\n`));
    for (const text of texts) builder.add(Buffer.from(text));
    const all = builder.end()!;
    expect([all.resources, inflateSegment(all.bytes, all).toString()]).toEqual([5, `${texts.join('\n')}\n`]);
  });
});

describe('an index', () => {
  it('keeps whose bytes are where', () => {
    const { index, bytes } = partOf([
      { members: ['m1'], lines: ['1', '2'] },
      { members: ['m2', 'm1'], lines: ['3'] },
    ]);
    expect(index.members).toEqual(['m1', 'm2']);
    expect(index.segments.map((s) => s.of)).toEqual([[0], [1, 0]]);
    expect(index.segments[1]!.offset).toBe(index.segments[0]!.compressed);
    expect(layout(index.segments, 'gzip')).toMatchObject({ resources: 3, plain: 6, crc: crc32('1\n2\n3\n') });
    expect(index.segments.reduce((sum, s) => sum + s.compressed, 0)).toBe(bytes.byteLength);
  });
  it('names a bounded number of members for what everybody refers to', () => {
    const many = Array.from({ length: MEMBERS_OF_SUPPORTING + 500 }, (_, i) => `m${i}`);
    const { index } = partOf([{ members: many, lines: ['{}'] }]);
    expect(index.segments[0]!.of).toHaveLength(MEMBERS_OF_SUPPORTING);
    expect(permittedSegments(index, (m) => m === 'm999')).toHaveLength(1);
    expect(permittedSegments(index, (m) => m === 'm1000')).toHaveLength(0);
  });
  it('E55, E63: has another version for blocks and lists, so that an earlier build serves none', () => {
    const encoded = [false, true].map((apart) => new PartIndexBuilder('Group', undefined, apart).encode());
    expect(encoded.map((text) => (JSON.parse(text) as { v: number }).v)).toEqual([1, 2]);
    expect(decodeIndex(Buffer.from(encoded[1]!))).toEqual(decodeIndex(Buffer.from(encoded[0]!)));
  });
  it.each([
    '{}',
    '[]',
    'x',
    '{"v":3,"of":[],"resources":[],"plain":[],"compressed":[],"crc":[]}',
    '{"v":1,"of":[0],"resources":[],"plain":[],"compressed":[],"crc":[]}',
  ])('refuses %s', (text) => {
    expect(() => decodeIndex(Buffer.from(text))).toThrow();
  });
});

describe('a download', () => {
  it('is one gzip stream of exactly the permitted lines, and their plain concatenation, for any permitted set', () => {
    fc.assert(
      fc.property(content, fc.uniqueArray(member), (spec, permitted) => {
        const part = partOf(spec);
        const segments = permittedSegments(part.index, (m) => permitted.includes(m));
        const expected = Buffer.concat(
          part.plain.filter((p) => p.members.some((m) => permitted.includes(m))).map((p) => p.lines),
        );
        const gzip = layout(segments, 'gzip');
        const plain = layout(segments, 'identity');
        const zipped = read(part, gzip);
        // gunzipSync checks CRC and length of the trailer, and that nothing follows.
        expect(gunzipSync(zipped).equals(expected)).toBe(true);
        expect(zipped.byteLength).toBe(gzip.length);
        expect(zipped.subarray(-8).readUInt32LE(0)).toBe(crc32(expected));
        expect(read(part, plain).equals(expected)).toBe(true);
        expect(plain.length).toBe(expected.byteLength);
        expect(gzip.resources).toBe(expected.toString().split('\n').length - 1);
      }),
      { numRuns: cases(200) },
    );
  });

  it('is the same bytes in ranges as in one piece, in both codings', () => {
    fc.assert(
      fc.property(
        content,
        fc.uniqueArray(member),
        fc.constantFrom('gzip' as const, 'identity' as const),
        fc.array(fc.nat({ max: 4000 }), { maxLength: 6 }),
        (spec, permitted, coding, cuts) => {
          const part = partOf(spec);
          const of = layout(
            permittedSegments(part.index, (m) => permitted.includes(m)),
            coding,
          );
          const whole = read(part, of);
          const marks = [0, ...cuts.map((c) => c % (of.length + 1)).toSorted((a, b) => a - b), of.length];
          const glued = Buffer.concat(marks.slice(1).map((end, i) => read(part, of, marks[i], end)));
          expect(glued.equals(whole)).toBe(true);
          for (const piece of pieces(of, marks[1], marks[2]))
            if (piece.kind === 'segment') expect(piece.take).toBeGreaterThan(0);
        },
      ),
      { numRuns: cases(200) },
    );
  });

  it('of a whole file is laid out once for each coding, and has the tag of a new layout', () => {
    const { index } = partOf([
      { members: ['m1'], lines: ['1'] },
      { members: ['m2'], lines: ['2'] },
    ]);
    const all = () => permittedSegments(index, () => true);
    expect(all()).toBe(index.segments);
    const gzip = layout(all(), 'gzip');
    expect(layout(all(), 'gzip')).toBe(gzip);
    const plain = layout(all(), 'identity');
    const some = layout(
      permittedSegments(index, (m) => m === 'm1'),
      'gzip',
    );
    const tags = [tagOf('a', gzip), tagOf('b', gzip), tagOf('a', plain), tagOf('a', some)];
    expect(new Set(tags).size).toBe(4);
    expect([tagOf('a', gzip), tagOf('a', layout([...all()], 'gzip'))]).toEqual([tags[0], tags[0]]);
    expect([...releasedBy(gzip, 0, gzip.length, index, (m) => m === 'm2')]).toEqual([['m2', 1]]);
  });
  it('of nobody is an empty gzip stream, and no bytes in plain', () => {
    const part = partOf([{ members: ['m1'], lines: ['1'] }]);
    const of = layout(
      permittedSegments(part.index, () => false),
      'gzip',
    );
    expect(gunzipSync(read(part, of)).byteLength).toBe(0);
    expect(layout([], 'identity').length).toBe(0);
    expect([...pieces(layout([], 'identity'))]).toEqual([]);
  });

  it('has an ETag for each part, coding and permitted set', () => {
    const { index } = partOf([
      { members: ['m1'], lines: ['1'] },
      { members: ['m2'], lines: ['2'] },
      { members: ['m3'], lines: ['3'] },
    ]);
    const tag = (part: string, permitted: string[], coding: 'gzip' | 'identity'): string =>
      tagOf(
        part,
        layout(
          permittedSegments(index, (m) => permitted.includes(m)),
          coding,
        ),
      );
    const tags = [
      tag('a', ['m1', 'm2', 'm3'], 'gzip'),
      tag('a', ['m1', 'm2', 'm3'], 'identity'),
      tag('a', ['m1', 'm2'], 'gzip'),
      tag('a', ['m1', 'm3'], 'gzip'),
      tag('a', [], 'gzip'),
      tag('b', ['m1', 'm2', 'm3'], 'gzip'),
    ];
    expect(new Set(tags).size).toBe(tags.length);
    expect(tag('a', ['m1', 'm2'], 'gzip')).toBe(tags[2]);
    expect(tags[0]).toMatch(/^[\w-]{32}$/);
  });
});

describe('a gzip client that reads block by block', () => {
  it('finds every line although segments were left out', () => {
    const part = partOf(
      Array.from({ length: 300 }, (_, i) => ({
        members: [`m${i}`],
        lines: [JSON.stringify({ i, text: 'x'.repeat(i) })],
      })),
    );
    const segments = permittedSegments(part.index, (m) => Number(m.slice(1)) % 3 !== 0);
    const lines = gunzipSync(read(part, layout(segments, 'gzip')), { finishFlush: constants.Z_FINISH })
      .toString()
      .trimEnd()
      .split('\n');
    expect(lines.map((l) => (JSON.parse(l) as { i: number }).i)).toEqual(
      Array.from({ length: 300 }, (_, i) => i).filter((i) => i % 3 !== 0),
    );
  });
});
