import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { gunzipLines } from './download.ts';

const STEP = 256 * 1024;
const folder = mkdtempSync(join(tmpdir(), 'provider-access-lines-'));
const file = join(folder, 'lines.gz');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = () => Readable.from(gunzipLines(file)).toArray();

/** By other means: the whole file as one text. */
function linesOf(gzip: Buffer): string[] {
  const lines = gunzipSync(gzip).toString().split('\n');
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}

it.each<[string, string | Buffer]>([
  ['nothing', ''],
  ['one line without an end', 'a'],
  ['empty lines', '\n\na\n\n'],
  ['a line of several steps', `${'x'.repeat(3 * STEP + 5)}\nb\n`],
  // Each of the characters meets the end of a step in its own place.
  ...[0, 1, 2, 3].map((at): [string, string] => [
    `a character of four bytes, ${at} of them before the end of a step`,
    `${'x'.repeat(STEP - at - 2)}\n🦊${'é'.repeat(STEP)}\nZoë\n`,
  ]),
  ['a line feed as the last byte of a step', `${'x'.repeat(STEP - 1)}\n${'y'.repeat(STEP - 1)}\nz`],
  ['byte order marks, which no JSON begins with', '\uFEFFa\n\uFEFFb\n'],
  ['bytes that are no UTF-8', Buffer.from([0x61, 0xff, 0x0a, 0xf0, 0x9f, 0x0a, 0xf0])],
])('reads the lines of a file with %s', async (_, text) => {
  const gzip = gzipSync(text);
  writeFileSync(file, gzip);
  expect(await read()).toEqual(linesOf(gzip));
});

it('reads files that are joined', async () => {
  writeFileSync(file, Buffer.concat([gzipSync('a\nb'), gzipSync('c\nd\n')]));
  expect(await read()).toEqual(['a', 'bc', 'd']);
});

it('fails on a file that was cut, after the lines that it had', async () => {
  writeFileSync(file, gzipSync('a\nb\n').subarray(0, -6));
  await expect(read()).rejects.toThrow('unexpected end of file');
});
