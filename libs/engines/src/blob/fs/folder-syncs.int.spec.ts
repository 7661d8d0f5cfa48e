import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FolderSyncs } from './folder-syncs.ts';
import { openFsBlobs } from './index.ts';

let root: string;
/** The syncs of files and folders that run. Each ends when the test says so. */
const running: PromiseWithResolvers<void>[] = [];
let isHeld = true;
let synced = 0;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'folders-'));
  running.splice(0);
  [isHeld, synced] = [true, 0];
  const handle = await open(root, 'r');
  const prototype = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
  const sync = prototype.sync;
  vi.spyOn(prototype, 'sync').mockImplementation(async function (this: FileHandle) {
    synced += 1;
    if (isHeld) {
      const held = Promise.withResolvers<void>();
      running.push(held);
      await held.promise;
    }
    return sync.call(this);
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(root, { recursive: true, force: true });
});
const begun = (count: number): Promise<void> => expect.poll(() => running.length).toBe(count);

it('shares the next sync of a folder among the calls that come while one runs, none of which ends before', async () => {
  const folders = new FolderSyncs();
  const ended: string[] = [];
  const call = (name: string): Promise<unknown> => folders.sync(root).then(() => ended.push(name));
  const first = call('first');
  await begun(1);
  const others = ['a', 'b', 'c'].map(call);
  running[0]!.resolve();
  await first;
  await begun(2);
  const late = call('late');
  await nextTurn();
  expect(ended).toEqual(['first']);
  running[1]!.resolve();
  await Promise.all(others);
  await begun(3);
  expect(ended).toEqual(['first', 'a', 'b', 'c']);
  running[2]!.resolve();
  await late;
  expect(synced).toBe(3);
});

it('tells those who wait for a failed sync alone, and syncs again for the others', async () => {
  const folders = new FolderSyncs();
  const first = folders.sync(root);
  await begun(1);
  const [second, third] = [folders.sync(root), folders.sync(root)];
  running[0]!.reject(new Error('EIO'));
  await expect(first).rejects.toThrow('EIO');
  await begun(2);
  running[1]!.reject(new Error('EIO again'));
  await expect(second).rejects.toThrow('EIO again');
  await expect(third).rejects.toThrow('EIO again');
  isHeld = false;
  await folders.sync(root);
  await expect(folders.sync(join(root, 'none'))).rejects.toThrow('ENOENT');
});

it('has no file that is put before a sync of its folder that began after its rename', async () => {
  isHeld = false;
  const blobs = openFsBlobs({ root });
  await blobs.put('f/first', 'x');
  synced = 0;
  const names = Array.from({ length: 12 }, (_, n) => `f/${n}`);
  await Promise.all(names.map((name) => blobs.put(name, name)));
  // One for each file, and fewer for the folder.
  expect(synced).toBeGreaterThan(names.length);
  expect(synced).toBeLessThan(2 * names.length);
  for (const name of names) expect(Buffer.from((await blobs.get(name))!).toString()).toBe(name);
});
