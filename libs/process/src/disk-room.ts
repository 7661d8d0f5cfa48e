import { statfs as statfsOf } from 'node:fs/promises';
import type { ReadinessCheck } from '@provider-access/service/http';
import type { Metrics } from '@provider-access/service/observability';

export interface DiskRoomOptions {
  /** The folder's name in metrics: everything of `npm start`, or the files of exports. */
  readonly folder: 'data' | 'files';
  readonly path: string;
  /** The variable that sets `minBytes`, for the text of readiness. */
  readonly setting: string;
  /** If the disk has fewer free bytes, the process is not ready. With 0 it is ready, however full the disk is. */
  readonly minBytes: number;
  /** Default: ask the file system. */
  readonly statfs?: (path: string) => Promise<{ readonly bavail: number; readonly bsize: number }>;
}
export interface DiskRoom {
  readonly check: ReadinessCheck;
  measure(metrics: Metrics): void;
}

const MIB = 1024 * 1024;
const mib = (bytes: number): string => `${Math.floor(bytes / MIB)} MiB`;

/**
 * Tells readiness that a disk is nearly full before the first write fails, and tells metrics how much room is left. A
 * disk that is full refuses opt-outs like any other event, so the operator needs to know while there is still room.
 */
export function watchRoom({ folder, path, setting, minBytes, statfs = statfsOf }: DiskRoomOptions): DiskRoom {
  const free = async (): Promise<number> => {
    // `bavail`, not `bfree`: the blocks that the file system reserves for root are not available to this process.
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  };
  const check = async (): Promise<{ ready: boolean; detail?: string }> => {
    if (minBytes === 0) return { ready: true };
    try {
      const left = await free();
      if (left >= minBytes) return { ready: true };
      const found = `the disk of the ${folder} folder has ${mib(left)} free, and ${setting} asks for ${mib(minBytes)}`;
      return { ready: false, detail: `${found}: soon nothing can be appended` };
    } catch (error) {
      const why = (error as NodeJS.ErrnoException).code ?? 'unknown';
      return { ready: false, detail: `the disk of the ${folder} folder cannot be asked for its free space (${why})` };
    }
  };
  return {
    check: { name: 'disk', check },
    measure: (metrics) => {
      metrics.read('pa_disk_free_bytes', async () => [{ labels: { folder }, value: await free() }]);
      metrics.read('pa_disk_kept_free_bytes', () => [{ labels: { folder }, value: minBytes }]);
    },
  };
}
