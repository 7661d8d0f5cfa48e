import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { BLOCKING, type FileCalls, WAITING } from './file-calls.ts';
import { openFsBlobs } from './index.ts';
import { Syncs } from './syncs.ts';

/** The syncs of files and folders that run. Each ends when the test says so. */
const running: PromiseWithResolvers<void>[] = [];
const hold = { isHeld: true, synced: 0 };
const fsync = async (): Promise<void> => {
  hold.synced += 1;
  if (!hold.isHeld) {
    // Syncs that begin together do not end together.
    for (let turns = 1 + 4 * (hold.synced % 3); turns > 0; turns--) await nextTurn();
    return;
  }
  const held = Promise.withResolvers<void>();
  running.push(held);
  await held.promise;
};

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'syncs-'));
  running.splice(0);
  Object.assign(hold, { isHeld: true, synced: 0 });
  // Not `vi.mock`: specs share a process, and a spec before this one may have loaded the modules with the real calls.
  for (const calls of [WAITING, BLOCKING]) {
    vi.spyOn(calls, 'fsync').mockImplementation(fsync);
    // Whether the disk is full is not the subject.
    vi.spyOn(calls, 'free').mockReturnValue(Number.POSITIVE_INFINITY);
  }
  // Each call takes one turn of the event loop, so the time of other threads decides nothing.
  for (const name of ['open', 'write', 'close', 'rename'] as const) takesOneTurn(name);
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(root, { recursive: true, force: true });
});
function takesOneTurn(name: 'open' | 'write' | 'close' | 'rename'): void {
  const call = BLOCKING[name] as (...given: unknown[]) => unknown;
  const waiting = (...given: unknown[]): Promise<unknown> => nextTurn().then(() => call(...given));
  vi.spyOn(WAITING, name as 'open').mockImplementation(waiting as FileCalls['open']);
}
const begun = (count: number): Promise<void> => expect.poll(() => running.length).toBe(count);

it('shares a sync of a folder among the calls that come before it begins, and none ends before', async () => {
  const syncs = new Syncs(WAITING);
  const ended: string[] = [];
  const call = (name: string): Promise<unknown> => syncs.folder(root).then(() => ended.push(name));
  // These three take all places.
  const first = [call('1')];
  await begun(1);
  first.push(call('2'));
  await begun(2);
  first.push(call('3'));
  await begun(3);
  const others = ['a', 'b', 'c'].map(call);
  running[0]!.resolve();
  await first[0];
  await begun(4);
  // It has begun, so it may not see this rename.
  const late = call('late');
  await nextTurn();
  expect(ended).toEqual(['1']);
  running[3]!.resolve();
  await Promise.all(others);
  expect(ended).toEqual(['1', 'a', 'b', 'c']);
  await begun(5);
  for (const { resolve } of running) resolve();
  await Promise.all([...first, late]);
  expect(hold.synced).toBe(5);
});

it('tells those who wait for a failed sync alone, and syncs again for the others', async () => {
  const syncs = new Syncs(WAITING);
  const first = syncs.folder(root);
  await begun(1);
  const second = syncs.folder(root);
  running[0]!.reject(new Error('EIO'));
  await expect(first).rejects.toThrow('EIO');
  await begun(2);
  running[1]!.resolve();
  await second;
  hold.isHeld = false;
  await syncs.folder(root);
  await expect(syncs.folder(join(root, 'none'))).rejects.toThrow('ENOENT');
  await syncs.folder(root);
});

it.each([
  // Its renames take turns of the event loop, so the last files miss the sync.
  ['a process that serves', 2, false, WAITING],
  ['a thread that writes files', 1, true, BLOCKING],
])('syncs the folder of 24 files of %s %i times', async (_of, times, ownThread, calls) => {
  const blobs = openFsBlobs({ root, ownThread });
  hold.isHeld = false;
  await blobs.put('f/first', 'x');
  const opened = vi.spyOn(calls, 'open');
  opened.mockClear();
  hold.synced = 0;
  const names = Array.from({ length: 24 }, (_, n) => `f/${n}`);
  const writers = await Promise.all(names.map((name) => blobs.writer(name)));
  await Promise.all(writers.map((writer) => writer.write(Buffer.from('text'))));
  await Promise.all(writers.map((writer) => writer.commit()));
  const folders = opened.mock.calls.filter(([, flags]) => flags === 'r').length;
  expect(folders).toBe(times);
  expect(hold.synced).toBe(names.length + folders);
  for (const name of names) expect(Buffer.from((await blobs.get(name))!).toString()).toBe('text');
});
