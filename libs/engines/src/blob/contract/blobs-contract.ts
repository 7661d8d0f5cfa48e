import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobInfo, Blobs } from '../port.ts';

export interface BlobsUnderTest {
  readonly blobs: Blobs;
  /** Opens the same files as another process would. */
  reopen(): Promise<Blobs>;
  dispose(): Promise<void>;
}

const read = async (stream: Readable): Promise<Buffer> => Buffer.concat(await stream.toArray());
const names = async (list: AsyncIterable<BlobInfo>): Promise<string[]> => {
  const found: string[] = [];
  for await (const info of list) found.push(info.name);
  return found;
};

/** The behaviour that every adapter of the port must show. A regression gets a test here. */
export function blobsContract(adapter: string, open: () => Promise<BlobsUnderTest>): void {
  describe(`blobs contract: ${adapter}`, () => {
    let under: BlobsUnderTest;
    let blobs: Blobs;
    beforeEach(async () => {
      under = await open();
      blobs = under.blobs;
    });
    afterEach(() => under.dispose());

    it('returns the content of a put, and its length', async () => {
      expect(await blobs.put('a/b/c.part', 'héllo')).toEqual({ name: 'a/b/c.part', bytes: 6 });
      expect(Buffer.from((await blobs.get('a/b/c.part'))!).toString()).toBe('héllo');
      expect(Buffer.from((await (await under.reopen()).get('a/b/c.part'))!).toString()).toBe('héllo');
    });

    it('has no blob for an unknown name, nor for a folder', async () => {
      await blobs.put('a/b', 'x');
      for (const name of ['a', 'none', 'a/b/c']) expect(await blobs.get(name)).toBeUndefined();
    });

    it('keeps an empty blob', async () => {
      await blobs.put('empty', new Uint8Array(0));
      expect((await blobs.get('empty'))!.byteLength).toBe(0);
    });

    it('accepts a put in pieces and shows it only after the commit', async () => {
      const writer = await blobs.writer('s/1');
      const piece = Buffer.alloc(300_000, 'x');
      for (let i = 0; i < 10; i++) await writer.write(piece);
      expect(await blobs.get('s/1')).toBeUndefined();
      expect(await names(blobs.list(''))).toEqual([]);
      expect(await writer.commit()).toEqual({ name: 's/1', bytes: 3_000_000 });
      expect((await blobs.get('s/1'))!.byteLength).toBe(3_000_000);
    });

    it('never shows an interrupted put, and keeps the content before it', async () => {
      await blobs.put('s/1', 'before');
      const aborted = await blobs.writer('s/1');
      await aborted.write(Buffer.from('half'));
      await aborted.abort();
      await aborted.abort();
      const abandoned = await blobs.writer('s/1');
      await abandoned.write(Buffer.from('half'));
      const elsewhere = await under.reopen();
      expect(Buffer.from((await elsewhere.get('s/1'))!).toString()).toBe('before');
      expect(await names(elsewhere.list(''))).toEqual(['s/1']);
      await abandoned.abort();
    });

    it('refuses writes after commit or abort', async () => {
      const writer = await blobs.writer('s/1');
      await writer.commit();
      await expect(writer.write(Buffer.from('more'))).rejects.toThrow();
      await expect(writer.commit()).rejects.toThrow();
      expect((await blobs.get('s/1'))!.byteLength).toBe(0);
    });

    it('replaces as a whole', async () => {
      await blobs.put('r', 'a longer content');
      await blobs.put('r', 'short');
      expect(Buffer.from((await blobs.get('r'))!).toString()).toBe('short');
      const writers = await Promise.all([blobs.writer('r'), blobs.writer('r')]);
      await Promise.all(writers.map((w, i) => w.write(Buffer.alloc(1000, String(i)))));
      await Promise.all(writers.map((w) => w.commit()));
      expect(['0'.repeat(1000), '1'.repeat(1000)]).toContain(Buffer.from((await blobs.get('r'))!).toString());
    });

    it('reads ranges, end exclusive', async () => {
      const content = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256));
      await blobs.put('range', content);
      for (const [start, end] of [
        [0, 1000],
        [0, 1],
        [999, 1000],
        [17, 500],
      ] as const) {
        expect((await read(blobs.range('range', start, end))).equals(content.subarray(start, end))).toBe(true);
      }
      expect((await read(blobs.range('range', 5, 5))).byteLength).toBe(0);
      expect((await read(blobs.range('range', 990, 2000))).equals(content.subarray(990))).toBe(true);
      expect((await read(blobs.range('range', 1000, 2000))).byteLength).toBe(0);
    });

    it('ends a range that its reader destroys, and the next one is whole', async () => {
      await blobs.put('big', Buffer.alloc(3_000_000, 'x'));
      const stream = blobs.range('big', 0, 3_000_000);
      for await (const chunk of stream) {
        expect((chunk as Buffer).byteLength).toBeGreaterThan(0);
        break;
      }
      expect(stream.destroyed).toBe(true);
      const early = blobs.range('big', 0, 3_000_000);
      early.destroy();
      expect((await read(blobs.range('big', 1, 2_999_999))).byteLength).toBe(2_999_998);
    });

    it('keeps a put of several parts byte for byte, and copies the chunks of its caller', async () => {
      const writer = await blobs.writer('parts');
      const expected: Buffer[] = [];
      const reused = Buffer.alloc(1_300_001);
      for (let i = 0; i < 10; i++) {
        reused.fill(i + 65);
        expected.push(Buffer.from(reused));
        await writer.write(reused);
      }
      expect(await names(blobs.list(''))).toEqual([]);
      expect(await writer.commit()).toEqual({ name: 'parts', bytes: 13_000_010 });
      expect(Buffer.concat(expected).equals((await blobs.get('parts'))!)).toBe(true);
    });

    it('fails a range of a missing blob', async () => {
      await expect(read(blobs.range('gone', 0, 10))).rejects.toThrow();
    });

    it('lists by folder, in order of names', async () => {
      for (const name of ['j/2/b', 'j/1/a', 'j/10', 'j/1/z/y', 'k/1']) await blobs.put(name, name);
      expect(await names(blobs.list('j/'))).toEqual(['j/1/a', 'j/1/z/y', 'j/10', 'j/2/b']);
      expect(await names(blobs.list('j/1/'))).toEqual(['j/1/a', 'j/1/z/y']);
      expect(await names(blobs.list(''))).toHaveLength(5);
      expect(await names(blobs.list('none/'))).toEqual([]);
    });

    it('deletes a folder, also one that is missing', async () => {
      for (const name of ['j/1/a', 'j/1/b', 'j/12']) await blobs.put(name, name);
      await blobs.deletePrefix('j/1/');
      await blobs.deletePrefix('j/1/');
      expect(await names(blobs.list(''))).toEqual(['j/12']);
    });

    it.each([
      '../x',
      'a/../b',
      '/a',
      'a//b',
      'a/',
      '',
      '.hidden',
      'a/.b',
      'a\\b',
      'a b',
      'a\0',
      'a/%2e%2e',
      '-rf',
      'é',
    ])('refuses the name %j', async (name) => {
      await expect(blobs.put(name, 'x')).rejects.toThrow();
      await expect(blobs.writer(name)).rejects.toThrow();
      await expect((async () => blobs.get(name))()).rejects.toThrow();
      await expect((async () => read(blobs.range(name, 0, 1)))()).rejects.toThrow();
    });

    it('deletes nothing by a prefix that is empty or does not end with "/"', async () => {
      await blobs.put('j/1', 'x');
      for (const prefix of ['', 'j', '/', '../', 'j/../'])
        await expect((async () => blobs.deletePrefix(prefix))()).rejects.toThrow();
      expect(await names(blobs.list(''))).toEqual(['j/1']);
    });

    it('opens in another thread through `remote`', async () => {
      await blobs.put('a', 'shared');
      const { openBlobs } = (await import(blobs.remote.module)) as { openBlobs: (options: unknown) => Blobs };
      const other = openBlobs(structuredClone(blobs.remote.options));
      expect(Buffer.from((await other.get('a'))!).toString()).toBe('shared');
    });
  });
}
