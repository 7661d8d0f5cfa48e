import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openFsBlobs } from '@provider-access/engines/blob/fs';
import { deflateSegment, layout, type Coding, type PartIndex } from '../../domain/segments/index.ts';
import { AccessEnded } from '@provider-access/service/http';
import { segmentStream } from './segment-stream.ts';

describe.each(['gzip', 'plain'] as Coding[])('a slow client of one large segment (%s)', (coding) => {
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
