import {
  type Batch,
  batchNamed as batchOfName,
  undoBatch as undoBatchOf,
  type Undone,
} from '@provider-access/full-files';
import { asCli, inCli } from '../import/file-faults.ts';
import { Held } from './held.ts';
import type { Platform } from './plan.ts';
import { publishAll } from './publish-events.ts';

/** @throws CliError for a text that names no import */
export function batchNamed(batch: string): Batch {
  try {
    return batchOfName(batch);
  } catch (error) {
    throw asCli(error);
  }
}

/** Takes an import back by new events. Close the result: it has a file. */
export function undoBatch(batch: Batch, platform: Platform, onProgress?: (text: string) => void): Promise<Undone> {
  const holdings = new Held(platform.server, platform.token, batch);
  return inCli(() =>
    undoBatchOf(
      batch,
      { holdings, publish: (events, onAccepted) => publishAll(platform, events, onAccepted) },
      onProgress,
    ),
  );
}
