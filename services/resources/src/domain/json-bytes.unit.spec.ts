import { cases, Random, seed } from '@provider-access/testing/search';
import { expect, it } from 'vitest';
import { generated } from '../../test/walk/generate.ts';
import { JsonBytes, jsonWith, ValueRoom } from './json-bytes.ts';

const TEXTS = ['plain', '"', '\\', '\\"', '\n\t\u0001', 'é – 東京 😀', '\u2028', '\ud800', '</div>', '{"a":"\\"b\\""}'];

it('writes JSON within JSON as JSON.stringify does, byte by byte', () => {
  const random = new Random(seed);
  for (let n = 0; n < cases(500); n++) {
    const line = JSON.stringify({ ...generated(random), more: random.one(TEXTS) });
    const members = { member: random.one(TEXTS), tokens: [random.one(TEXTS), random.one(TEXTS)], n };
    const written = jsonWith(members, 'line', Buffer.from(line));
    expect(written.toString()).toBe(JSON.stringify({ ...members, line }));
    expect(JSON.parse(written.toString())).toEqual({ ...members, line });
  }
});

it('writes each pair of bytes, at an odd place and at an even one', () => {
  const all = ['"', '\\', 'a', ' ', '\u007f', 'é', '東', '😀', '\u00ff'];
  for (const one of all)
    for (const other of all)
      for (const before of ['', 'b', 'bc'])
        for (const after of ['', 'd']) {
          const line = before + one + other + after;
          const bytes = Buffer.from(` ${line}`).subarray(1);
          expect(jsonWith({ n: 1 }, 'line', bytes).toString()).toBe(JSON.stringify({ n: 1, line }));
        }
});

it('has room for a text behind few members where it grew for many', () => {
  for (const [members, length] of [
    [100_000, 10],
    [10, 90_000],
    [10, 190_000],
    [10, 200],
  ] as const) {
    const line = JSON.stringify({ text: 'a"'.repeat(length / 2) });
    const member = 'm'.repeat(members);
    expect(jsonWith({ member }, 'line', Buffer.from(line)).toString()).toBe(JSON.stringify({ member, line }));
  }
});

it('writes a text of megabytes, and short ones after it', () => {
  for (const length of [3_000_000, 10, 900_000, 10]) {
    const line = JSON.stringify({ text: '"'.repeat(length) });
    expect(jsonWith({ n: length }, 'line', Buffer.from(line)).toString()).toBe(JSON.stringify({ n: length, line }));
  }
});

it('uses the memory of values again when nobody needs them', () => {
  const line = Buffer.from('{}');
  const written = (room: ValueRoom, n: number, json = line): Buffer => {
    const bytes = new JsonBytes();
    bytes.ascii(`{"n":${n},"line":`);
    bytes.quoted(json);
    bytes.ascii('}');
    return bytes.done(room);
  };
  const [room, other] = [new ValueRoom(), new ValueRoom()];
  const first = Array.from({ length: 5000 }, (_, n) => written(room, n));
  const meanwhile = written(other, -1);
  expect(first.map((value) => (JSON.parse(value.toString()) as { n: number }).n)).toEqual([...first.keys()]);
  room.release();
  expect(first.every(({ byteLength }) => byteLength === 0)).toBe(true);
  // Nobody has the memory of a room that was not released.
  for (let n = 0; n < 5000; n++) written(room, n);
  expect(meanwhile.toString()).toBe('{"n":-1,"line":"{}"}');
  const large = written(room, 1, Buffer.from(JSON.stringify({ text: 'a'.repeat(100_000) })));
  room.release();
  expect(large.byteLength).toBeGreaterThan(100_000);
});
