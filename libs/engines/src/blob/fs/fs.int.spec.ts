import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { blobsContract } from '../contract/blobs-contract.ts';
import { BlobStoreFull } from '../port.ts';
import { openFsBlobs, removeUnfinished } from './index.ts';

for (const ownThread of [false, true])
  blobsContract(ownThread ? 'fs in a thread of its own' : 'fs', async () => {
    const root = await mkdtemp(join(tmpdir(), 'blobs-'));
    return {
      blobs: openFsBlobs({ root, ownThread }),
      reopen: async () => openFsBlobs({ root }),
      dispose: () => rm(root, { recursive: true, force: true }),
    };
  });

describe.each([false, true])('files on local disk, in a thread of its own: %s', (ownThread) => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'blobs-'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('does not use the reserved space, and existing files stay readable', async () => {
    await openFsBlobs({ root, ownThread }).put('f/a', 'kept');
    const full = openFsBlobs({ root, reserveBytes: Number.MAX_SAFE_INTEGER, ownThread });
    await expect(full.put('f/a', 'x')).rejects.toBeInstanceOf(BlobStoreFull);
    await expect(full.writer('b')).rejects.toBeInstanceOf(BlobStoreFull);
    expect(Buffer.from((await full.get('f/a'))!).toString()).toBe('kept');
    await full.deletePrefix('f/');
    expect(await full.get('f/a')).toBeUndefined();
  });

  it('makes the folders that are missing, also after somebody removed them', async () => {
    const blobs = openFsBlobs({ root: join(root, 'new'), ownThread });
    for (const text of ['one', 'two']) {
      await blobs.put('f/g/a', text);
      expect(Buffer.from((await blobs.get('f/g/a'))!).toString()).toBe(text);
      await rm(join(root, 'new'), { recursive: true });
    }
  });

  it('leaves no file of an aborted writer, and removes those of a crashed process at start', async () => {
    const blobs = openFsBlobs({ root, ownThread });
    await (await blobs.writer('a')).abort();
    expect(await readdir(join(root, '.unfinished'))).toEqual([]);
    await (await blobs.writer('b')).write(Buffer.from('dead'));
    await removeUnfinished({ root }, 60_000); // of a writer that may still be writing
    expect(await readdir(join(root, '.unfinished'))).toHaveLength(1);
    await removeUnfinished({ root }, -1000);
    expect(await readdir(join(root, '.unfinished'))).toEqual([]);
    await (await blobs.writer('b')).write(Buffer.from('dead'));
    await removeUnfinished({ root });
    expect(await readdir(root)).toEqual([]);
  });

  it('continues to read a file that retention deletes meanwhile', async () => {
    const blobs = openFsBlobs({ root, ownThread });
    await blobs.put('f/big', Buffer.alloc(2_000_000, 'x'));
    const stream = blobs.range('f/big', 0, 2_000_000);
    const reader = stream[Symbol.asyncIterator]();
    let bytes = (await reader.next()).value.length;
    await blobs.deletePrefix('f/');
    for (let next = await reader.next(); !next.done; next = await reader.next()) bytes += next.value.length;
    expect(bytes).toBe(2_000_000);
  });
});
