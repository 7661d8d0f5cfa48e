import { expect, test } from 'vitest';
import { Metrics } from '@provider-access/service/observability';
import { watchRoom } from './disk-room.ts';

const MIB = 1024 * 1024;
/** A disk with blocks of 4 KiB, as the file system counts them. */
function disk(minBytes = 128 * MIB) {
  const asked: string[] = [];
  const has = { free: 1024 * MIB, fault: undefined as Error | undefined };
  const statfs = async (path: string): Promise<{ bavail: number; bsize: number }> => {
    asked.push(path);
    if (has.fault !== undefined) throw has.fault;
    return { bavail: has.free / 4096, bsize: 4096 };
  };
  const room = watchRoom({ folder: 'data', path: '/data', setting: 'MIN_FREE_BYTES', minBytes, statfs });
  return { room, has, asked };
}

test('is not ready while the disk has less than what is kept free, and is ready again with room', async () => {
  const { room, has, asked } = disk();
  expect(room.check.name).toBe('disk');
  expect(await room.check.check()).toEqual({ ready: true });
  has.free = 128 * MIB;
  expect(await room.check.check()).toEqual({ ready: true });
  has.free = 128 * MIB - 4096;
  expect(await room.check.check()).toEqual({
    ready: false,
    detail:
      'the disk of the data folder has 127 MiB free, and MIN_FREE_BYTES asks for 128 MiB: soon nothing can be appended',
  });
  has.free = 129 * MIB;
  expect(await room.check.check()).toEqual({ ready: true });
  expect(new Set(asked)).toEqual(new Set(['/data']));
});

test('a minimum of 0 asks nothing of the disk', async () => {
  const { room, has } = disk(0);
  has.free = 0;
  expect(await room.check.check()).toEqual({ ready: true });
});

test('is not ready while the disk cannot be asked, and says why in one word', async () => {
  const { room, has } = disk();
  has.fault = Object.assign(new Error('/data of member m-1 is gone'), { code: 'ENOENT' });
  const detail = 'the disk of the data folder cannot be asked for its free space (ENOENT)';
  expect(await room.check.check()).toEqual({ ready: false, detail });
});

test('measures free and reserved bytes at each scrape, and nothing while the disk does not answer', async () => {
  const { room, has } = disk();
  const metrics = new Metrics();
  room.measure(metrics);
  expect(await metrics.text()).toContain(`pa_disk_free_bytes{folder="data"} ${1024 * MIB}`);
  has.free = 5 * MIB;
  const text = await metrics.text();
  expect(text).toContain(`pa_disk_free_bytes{folder="data"} ${5 * MIB}`);
  expect(text).toContain(`pa_disk_kept_free_bytes{folder="data"} ${128 * MIB}`);
  has.fault = new Error('gone');
  expect(await metrics.text()).not.toContain('pa_disk_free_bytes{');
});
