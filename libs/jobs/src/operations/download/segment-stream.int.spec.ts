import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openFsBlobs } from '@provider-access/engines/blob/fs';
import { deflateSegment, layout, type PartIndex } from '../../segments/index.ts';
import { AccessEnded } from '@provider-access/service/http';
import { segmentStream } from './segment-stream.ts';

describe.each(['gzip', 'identity'] as const)('a slow client of one large segment (%s)', (coding) => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'segments-'));
    vi.useFakeTimers({ toFake: ['performance'] });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await rm(root, { recursive: true, force: true });
  });

  const open = async (mayGoOn: () => boolean): Promise<AsyncIterator<Uint8Array>> => {
    const blobs = openFsBlobs({ root });
    const { bytes, ...size } = deflateSegment(Buffer.from(randomBytes(1_000_000).toString('hex')), 1);
    await blobs.put('part', bytes);
    const index: PartIndex = {
      type: 'Patient',
      members: ['m'],
      segments: [{ ...size, of: [0], labels: [], offset: 0 }],
    };
    const whole = layout(index.segments, coding);
    return (await segmentStream({ blobs, part: 'part', layout: whole, start: 0, end: whole.length, mayGoOn }))[
      Symbol.asyncIterator
    ]() as AsyncIterator<Uint8Array>;
  };

  test('is asked about again inside the segment, and cut', async () => {
    let permitted = true;
    const stream = await open(() => permitted);
    let bytes = 0;
    const take = async (): Promise<void> => {
      bytes += (await stream.next()).value.length;
    };
    await take();
    await take();
    permitted = false;
    vi.advanceTimersByTime(1_000);
    await expect(async () => {
      for (let i = 0; i < 100; i++) await take();
    }).rejects.toThrow(AccessEnded);
    // The client got only the bytes that the server had read ahead.
    expect(bytes).toBeLessThan(600_000);
  });

  test('gets everything as long as it may', async () => {
    const asked = vi.fn(() => true);
    const stream = await open(asked);
    for (let next = await stream.next(); next.done !== true; next = await stream.next()) vi.advanceTimersByTime(100);
    expect(asked.mock.calls.length).toBeGreaterThan(2);
  });
});

describe('a plain download of many segments', () => {
  test('is their lines, in every range, with few calls that inflate', async () => {
    const root = await mkdtemp(join(tmpdir(), 'segments-'));
    const blobs = openFsBlobs({ root });
    const lines = Array.from({ length: 100 }, (_, n) =>
      Buffer.from(`${String(n).padEnd(n === 50 ? 600_000 : 4_000)}\n`),
    );
    let offset = 0;
    const stored = lines.map((line) => deflateSegment(line, 1));
    await blobs.put('part', Buffer.concat(stored.map(({ bytes }) => bytes)));
    const all = stored.map(({ bytes: _, ...size }) => {
      offset += size.compressed;
      return { ...size, of: [0], labels: [], offset: offset - size.compressed };
    });
    const inflated = vi.spyOn(zlib, 'inflateRawSync');
    syncBuiltinESMExports();
    const calls: number[] = [];
    // The second set leaves segments out, so its neighbours are not adjacent in the file.
    for (const kept of [all, all.filter((_, n) => n % 7 !== 3)]) {
      const whole = layout(kept, 'identity');
      const plain = Buffer.concat(lines.filter((_, n) => kept.includes(all[n]!)));
      for (const [start, end] of [
        [0, plain.length],
        [3_999, 12_003],
        [5, 6],
        [204_000, 204_010],
        [150_000, plain.length - 1],
      ] as const) {
        const stream = await segmentStream({ blobs, part: 'part', layout: whole, start, end, mayGoOn: () => true });
        expect(Buffer.concat(await stream.toArray()).equals(plain.subarray(start, end))).toBe(true);
        calls.push(inflated.mock.calls.length);
        inflated.mockClear();
      }
    }
    inflated.mockRestore();
    syncBuiltinESMExports();
    await rm(root, { recursive: true, force: true });
    // 512 kB are inflated at once, and the large one alone. Where segments are left out, each run is read by itself.
    expect(calls).toEqual([3, 1, 1, 1, 3, 17, 1, 1, 1, 11]);
  });
});
