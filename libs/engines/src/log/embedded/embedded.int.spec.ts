import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { eventLogContract } from '../contract/index.ts';
import type { EventLog } from '../port.ts';
import { openEmbeddedLog } from './index.ts';

eventLogContract('embedded', async (options) => {
  const folder = mkdtempSync(join(tmpdir(), 'eventlog-'));
  const file = join(folder, 'log.db');
  const opened: EventLog[] = [];
  let blocker: DatabaseSync | undefined;
  return {
    open: async () => {
      const log = openEmbeddedLog({
        ...options,
        file,
        busyMs: 1,
        backoff: { firstMs: 1, maxMs: 20 },
      });
      opened.push(log);
      return log;
    },
    // A second connection holds the write lock. A full disk has its own test.
    away: (yes) => {
      if (!yes) blocker?.close();
      blocker = yes ? new DatabaseSync(file) : undefined;
      blocker?.exec('BEGIN IMMEDIATE');
    },
    destroy: async () => {
      for (const log of opened) await log.close();
      rmSync(folder, { recursive: true });
    },
  };
});
